package org.safelight.app.ui

import android.app.Activity
import android.text.Editable
import android.text.TextWatcher
import android.view.View
import android.widget.Button
import android.widget.EditText
import org.safelight.app.R
import org.safelight.app.logic.App
import org.safelight.app.logic.AppEvent
import org.safelight.app.logic.AppState
import org.safelight.app.logic.CameraState
import org.safelight.app.logic.PatientEvent
import org.safelight.app.logic.PatientState
import org.safelight.app.logic.readDay

/** Scan or type who the patient is; say that it is so. */
class PatientScreen(activity: Activity, private val app: App) : ScreenView(activity, R.layout.patient), TextWatcher {
    private val number = find<EditText>(R.id.patient_number)
    private val name = find<EditText>(R.id.patient_name)
    private val birthDate = find<EditText>(R.id.patient_birth_date)
    private val preview = find<View>(R.id.patient_preview)
    private var filling = false
    private var shown = PatientState()
    private var problem: CameraState? = null
    private val scanner: Camera = Camera(activity, find(R.id.patient_preview), Camera.Use.Codes(::scanned)) { state ->
        activity.runOnUiThread {
            problem = state
            show(app.state.value)
        }
    }

    init {
        listOf(number, name, birthDate).forEach { it.addTextChangedListener(this) }
        press(R.id.patient_scan) {
            preview.visibility = View.VISIBLE
            scanner.open()
        }
        // Whom the screen shows, not whom the state names by the time that the finger is off the button.
        press(R.id.patient_confirm) { tell(PatientEvent.Confirmed(shown)) }
        press(R.id.patient_clear) { tell(PatientEvent.Cleared) }
    }

    override fun closed() {
        scanner.close()
        preview.visibility = View.GONE
        problem = null
        shown = PatientState()
        quietly { listOf(number, name, birthDate).forEach { it.text.clear() } }
    }

    override fun show(state: AppState) {
        val patient = state.patient
        fill(number, patient.number)
        fill(name, patient.name)
        if (readDay(birthDate.text.toString()) != patient.birthDate) fill(birthDate, activity.typedDay(patient.birthDate))
        val begun = listOf(patient.number, patient.name, patient.birthDate).any(String::isNotEmpty)
        val against = patient.faults(state.today)
        val faults = against.takeIf { begun }.orEmpty().map { activity.getString(text(it)) }
        val unreadable = if (patient.unreadable) listOf(activity.getString(R.string.patient_unreadable)) else emptyList()
        val camera = listOfNotNull(problem?.let(activity::words))
        say(R.id.patient_trouble, (camera + unreadable + faults).joinToString("\n"))
        val complete = against.isEmpty()
        val question = activity.getString(R.string.patient_question, patient.name, activity.day(patient.birthDate), patient.number)
        say(R.id.patient_question, question.takeIf { complete })
        shown = patient
        find<Button>(R.id.patient_confirm).isEnabled = complete
    }

    override fun beforeTextChanged(s: CharSequence?, start: Int, count: Int, after: Int) = Unit

    override fun onTextChanged(s: CharSequence?, start: Int, before: Int, count: Int) = Unit

    override fun afterTextChanged(s: Editable?) {
        if (filling) return
        tell(PatientEvent.Typed(number.text.toString(), name.text.toString(), birthDate.text.toString()))
    }

    /** Puts in what the state says, unless it is what stands there but for spaces that are still being typed. */
    private fun fill(field: EditText, said: String) {
        if (field.text.toString().trim() != said) quietly { field.setText(said) }
    }

    /** What is put in here was typed by nobody. */
    private fun quietly(change: () -> Unit) {
        filling = true
        try {
            change()
        } finally {
            filling = false
        }
    }

    private fun scanned(text: String) = activity.runOnUiThread {
        scanner.close()
        preview.visibility = View.GONE
        tell(PatientEvent.Scanned(text))
    }

    private fun tell(event: PatientEvent) = app.tell(AppEvent.Patient(event))
}
