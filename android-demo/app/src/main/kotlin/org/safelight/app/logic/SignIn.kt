package org.safelight.app.logic

/** Who takes the pictures: it goes into each picture's manifest. On a shared phone that is not always the person it was enrolled for. */
data class SignInState(val wrong: Boolean = false)

sealed interface SignInEvent {
    /** Typed, or read from a badge. */
    data class Code(val text: String) : SignInEvent

    /** The person whose phone it is. */
    data object Owner : SignInEvent

    data object Out : SignInEvent
}

/** The state, and the person who is signed in now. */
fun signIn(person: String?, event: SignInEvent, owner: String?): Pair<SignInState, String?> = when (event) {
    is SignInEvent.Code -> {
        val code = event.text.trim()
        if (isPerson(code)) SignInState() to code else SignInState(wrong = true) to person
    }
    SignInEvent.Owner -> SignInState() to (owner ?: person)
    SignInEvent.Out -> SignInState() to null
}

/** A person's id as the manifest takes it: core/src/manifest.rs. */
fun isPerson(text: String) = text.length in 1..64 && text.all { it in 'a'..'z' || it in 'A'..'Z' || it in '0'..'9' || it in "._-" }
