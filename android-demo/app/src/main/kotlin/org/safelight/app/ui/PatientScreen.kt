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
import org.safelight.app.logic.PatientEvent

/** Scan or type who the patient is; say that it is so. */
class PatientScreen(activity: Activity, private val app: App) : ScreenView(activity, R.layout.patient), TextWatcher {
    private val number = find<EditText>(R.id.patient_number)
    private val name = find<EditText>(R.id.patient_name)
    private val birthDate = find<EditText>(R.id.patient_birth_date)
    private val preview = find<View>(R.id.patient_preview)
    private var filling = false
    private val scanner: Camera = Camera(activity, find(R.id.patient_preview), Camera.Use.Codes(::scanned)) {}

    init {
        listOf(number, name, birthDate).forEach { it.addTextChangedListener(this) }
        press(R.id.patient_scan) {
            preview.visibility = View.VISIBLE
            scanner.open()
        }
        press(R.id.patient_confirm) { tell(PatientEvent.Confirmed) }
        press(R.id.patient_clear) { tell(PatientEvent.Cleared) }
    }

    override fun closed() {
        scanner.close()
        filling = true
        listOf(number, name, birthDate).forEach { it.text.clear() }
    }

    override fun show(state: AppState) {
        val patient = state.patient
        fill(number, patient.number)
        fill(name, patient.name)
        fill(birthDate, patient.birthDate)
        val begun = listOf(patient.number, patient.name, patient.birthDate).any(String::isNotEmpty)
        val faults = patient.faults.takeIf { begun }.orEmpty().map { activity.getString(text(it)) }
        val unreadable = if (patient.unreadable) listOf(activity.getString(R.string.patient_unreadable)) else emptyList()
        say(R.id.patient_trouble, (unreadable + faults).joinToString("\n"))
        val complete = patient.faults.isEmpty()
        val question = activity.getString(R.string.patient_question, patient.name, patient.birthDate, patient.number)
        say(R.id.patient_question, question.takeIf { complete })
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
        if (field.text.toString().trim() == said) return
        filling = true
        field.setText(said)
        filling = false
    }

    private fun scanned(text: String) = activity.runOnUiThread {
        scanner.close()
        preview.visibility = View.GONE
        tell(PatientEvent.Scanned(text))
    }

    private fun tell(event: PatientEvent) = app.tell(AppEvent.Patient(event))
}
