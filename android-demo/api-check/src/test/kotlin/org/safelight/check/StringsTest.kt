package org.safelight.check

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

/** Every word of the app in English and German. */
@Timeout(60)
class StringsTest {
    private val english = texts("values")
    private val german = texts("values-de")
    private val untranslated = elements(xml(File(Built.sources, "res/values/strings.xml")), "string")
        .filter { it.getAttribute("translatable") == "false" }.map { it.getAttribute("name") }.toSet()

    @Test
    fun every_string_is_in_both_languages() {
        assertEquals(english.keys - untranslated, german.keys)
        assertTrue(english.size > 100)
        for ((name, text) in english + german) assertTrue(text.isNotBlank(), name)
    }

    @Test
    fun both_have_the_same_places_for_what_is_put_in() {
        val places = { text: String -> Regex("%(\\d+\\$[ds]|%)").findAll(text).map { it.value }.sorted().toList() }
        for ((name, text) in german) {
            assertEquals(places(english.getValue(name)), places(text), name)
            assertEquals(places(text).size, text.count { it == '%' } - places(text).count { it == "%%" }, "$name: a stray %")
        }
    }

    @Test
    fun german_is_not_english_left_as_it_was() {
        // Words that are the same in both.
        val same = setOf("tab_patient", "patient_name", "part_hand")
        for ((name, text) in german) if (text == english[name]) assertTrue(name in same, "$name: $text")
    }

    @Test
    fun a_day_is_written_as_it_is_where_the_language_is_spoken() {
        assertEquals("03 February 1961", day("values", 1961, 2, "03"))
        assertEquals("03.02.1961", day("values-de", 1961, 2, "03"))
        // And typed as the field's hint says.
        for (texts in listOf(english, german)) {
            assertEquals(texts["patient_birth_date_hint"], texts.getValue("day_typed").format("1961", "02", "03"))
            assertTrue(texts.getValue("patient_birth_date_hint") in texts.getValue("patient_fault_birth_date"))
        }
    }

    @Test
    fun each_thing_has_one_name() {
        for ((word, texts) in listOf(
            // A picture is encrypted; "sealed" is the core's own word for it.
            "seal" to english, "verschlossen" to german,
            // A number of the patient and not of one stay in hospital.
            "Fallnummer" to german,
            // A phone is enrolled, a clinician signs in.
            "neu anmelden" to german, "neu angemeldet" to german, "melden Sie dieses Telefon" to german,
            "Nummer des Telefons" to german, "umber of the phone" to english,
            // A patient or a clinician, and never left open which.
            "Person" to english, "Person" to german,
        )) {
            assertEquals(emptyList<String>(), texts.filterValues { word in it }.keys.toList(), word)
        }
    }

    @Test
    fun every_string_is_used_and_nothing_is_said_that_has_no_string() {
        val sources = Built.sources.walkTopDown().filter { it.extension in setOf("kt", "xml") }.associateWith { it.readText() }
        val all = sources.filterKeys { it.parentFile.name !in setOf("values", "values-de") }.values.joinToString("\n")
        for (name in english.keys.map { it.substringBefore('/') }.toSet()) {
            assertTrue(Regex("(R\\.(string|plurals)\\.|@string/)$name\\b").containsMatchIn(all), "$name is not used")
        }
        for ((file, text) in sources.filterKeys { it.parentFile.name == "layout" }) {
            for (said in Regex("android:(text|hint|contentDescription)=\"([^\"]*)\"").findAll(text)) {
                assertTrue(said.groupValues[2].startsWith("@string/"), "${file.name}: ${said.value}")
            }
        }
    }

    @Test
    fun f12_the_words_for_it_name_udp_the_addresses_and_that_there_is_no_other_way() {
        for (texts in listOf(english, german)) {
            val note = texts.getValue("note_for_it")
            assertTrue("UDP" in note && "QUIC" in note && "TCP" in note && "%2\$s" in note)
            assertFalse("patient" in note.lowercase())
        }
    }

    private fun day(folder: String, year: Int, month: Int, date: String): String {
        val months = elements(xml(File(Built.sources, "res/$folder/strings.xml")), "string-array").single { it.getAttribute("name") == "months" }
        val names = elements(months, "item").map { it.textContent }
        assertEquals(12, names.toSet().size)
        return texts(folder).getValue("day").format("$year", names[month - 1], date)
    }

    /** Strings by name, plurals by name and quantity. */
    private fun texts(folder: String): Map<String, String> {
        val resources = xml(File(Built.sources, "res/$folder/strings.xml"))
        val strings = elements(resources, "string").associate { it.getAttribute("name") to it.textContent }
        val plurals = elements(resources, "plurals").flatMap { plural ->
            val items = elements(plural, "item")
            assertEquals(listOf("one", "other"), items.map { it.getAttribute("quantity") })
            items.map { "${plural.getAttribute("name")}/${it.getAttribute("quantity")}" to it.textContent }
        }
        return strings + plurals
    }
}
