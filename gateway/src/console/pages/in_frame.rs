//! What somebody is told who does not get a page: inside the frame of every page if they are logged in, above the form if it was sent in place.
//!
//! A page that has the form with what was typed says so itself, and stays as it is.
//!
//! Attacker: whoever would learn from what stands around an answer. It depends on who asks and on the address alone, so that what does not exist and what
//! is not for them still look the same. The way back is a page of this console or none: made of its routes, whatever the address has.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::failure::{Again, Told, alone};
use super::{Frame, ROUTES, Route};
use crate::clinic::people::{Role, Roles};
use crate::console::session::{LoggedIn, POLLED};
use crate::console::{Console, text};

/// A script of this console has sent the form, and waits for the answer beside what was typed.
const IN_PLACE: HeaderName = HeaderName::from_static("safelight-in-place");

/// Where whoever is not logged in is led.
const LOG_IN: &str = "/login";

/// Where such a script is to go.
const NEXT: HeaderName = HeaderName::from_static("safelight-next");

#[derive(Template)]
#[template(path = "message_in_frame.html")]
struct Message<'a> {
    frame: Frame,
    told: Told,
    back: &'a str,
    back_words: &'static str,
}

pub(super) async fn in_frame(State(console): State<Console>, request: Request, next: Next) -> Response {
    let (headers, method, path) =
        (request.headers().clone(), request.method().clone(), request.uri().path().to_owned());
    let answer = next.run(request).await;
    let status = answer.status();
    let in_place = headers.contains_key(IN_PLACE);
    let is_led_out = answer.headers().get(header::LOCATION).is_some_and(|place| place == LOG_IN);
    let is_as_it_was = answer.extensions().get::<AsItWas>().is_some();
    if method == Method::POST && status == StatusCode::SEE_OTHER && !is_led_out && !is_as_it_was {
        note_what_was_done(&console, &headers, &path);
    }
    if in_place && status.is_redirection() {
        return went_to(answer);
    }
    if !status.is_client_error() && !status.is_server_error() {
        return answer;
    }
    let (told, is_bare) = match answer.extensions().get::<Told>() {
        Some(told) => (*told, false),
        // What says itself what is wrong.
        None if says_more(&answer) => return answer,
        None => (Told::of(&method, status), true),
    };
    if in_place || (is_bare && !wants_a_page(&headers)) {
        return instead(answer, told.words);
    }
    if !wants_a_page(&headers) || answer.extensions().get::<Again>().is_some() {
        return answer;
    }
    match framed(&console, &headers, (&method, &path), told).await {
        Some(page) => instead(answer, Html(page)),
        None => instead(answer, alone(status, told)),
    }
}

/// A form that asked for what was so already.
#[derive(Debug, Clone, Copy)]
struct AsItWas;

/// Where a form leads on. It has changed something, which the next page says, or has left all as it was, and then nobody is told that it is done.
pub(super) fn led(place: &str, has_changed: bool) -> Response {
    let mut answer = Redirect::to(place).into_response();
    if !has_changed {
        answer.extensions_mut().insert(AsItWas);
    }
    answer
}

/// A form that leads on has done what it says. Whoever was not logged in is led to the log-in, and has no next page.
fn note_what_was_done(console: &Console, headers: &HeaderMap, path: &str) {
    let done = text::DONE.iter().find(|(route, _)| is_of(path, route)).map(|(_, words)| *words);
    if let (Some(words), Some(session)) = (done, LoggedIn::session_of(headers)) {
        console.inner.notices.keep(session, words);
    }
}

/// The same answer with other words: what its headers say beside (which methods there are, a cookie) stays.
fn instead(answer: Response, words: impl IntoResponse) -> Response {
    let (mut parts, _) = answer.into_parts();
    let (other, body) = words.into_response().into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    for (name, value) in &other.headers {
        parts.headers.insert(name, value.clone());
    }
    Response::from_parts(parts, body)
}

/// A script cannot read where a redirection leads.
fn went_to(answer: Response) -> Response {
    let Some(place) = answer.headers().get(header::LOCATION).cloned() else { return answer };
    // Whoever is led away loses what they typed.
    if place == LOG_IN {
        return (StatusCode::UNAUTHORIZED, text::FORM_LOGGED_OUT).into_response();
    }
    let mut answer_in_place = StatusCode::NO_CONTENT.into_response();
    for cookie in answer.headers().get_all(header::SET_COOKIE) {
        answer_in_place.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    answer_in_place.headers_mut().insert(NEXT, place);
    answer_in_place
}

/// Pictures and what scripts ask for are not looked at by anybody.
fn wants_a_page(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).map(HeaderValue::as_bytes).is_some_and(|accept| accept.starts_with(b"text/html"))
}

/// A page, or an answer for a script: more than a status and the framework's words for it.
fn says_more(answer: &Response) -> bool {
    let kind = answer.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"text/html") || kind.starts_with(b"application/json"))
}

async fn framed(console: &Console, headers: &HeaderMap, (method, path): (&Method, &str), told: Told) -> Option<String> {
    let who = LoggedIn::without_prolonging(console, headers).await?;
    let back = way_back(method, path, who.person.roles);
    let frame = Frame::new(console, &who, "").await.ok()?;
    let told = Told { words: words_for(told, path, who.person.roles), ..told };
    Message { frame, told, back, back_words: if back == "/" { text::HOME } else { text::MESSAGE_BACK } }.render().ok()
}

/// What the console answers to and is no page that somebody looks at; nor is what pages ask for by themselves.
const PARTS: &[&str] =
    &["/static/{file}", "/authority", "/images/{ticket}/{picture}", "/thumbnails/{ticket}/{picture}"];

/// The nearest page above an address that these roles may see. A form's own address may be its page's; a page that could not be had is no way back to
/// itself.
fn way_back<'a>(method: &Method, path: &'a str, roles: Roles) -> &'a str {
    let is_page = |place: &str| {
        // As the router has it: an address that is written out is no example of another.
        let is_written_out = ROUTES.iter().any(|(_, route, _)| *route == place);
        let is_it = |route: &str| if is_written_out { route == place } else { is_of(place, route) };
        let leads = |(method, route, who): &Route| {
            let is_part = PARTS.contains(route) || POLLED.contains(route);
            *method == "get" && who.admits(roles) && is_it(route) && !is_part
        };
        ROUTES.iter().any(leads)
    };
    let own = (*method == Method::POST).then_some(path.len());
    let above = path.rmatch_indices('/').map(|(at, _)| at);
    own.into_iter().chain(above).filter_map(|end| path.get(..end)).find(|place| is_page(place)).unwrap_or("/")
}

/// Whoever looks for a patient is told how one comes to see them: by the address alone, whether or not there is anybody.
fn words_for(told: Told, path: &str, roles: Roles) -> &'static str {
    let is_patients = ["/patients/", "/pictures/"].iter().any(|beginning| path.starts_with(beginning));
    if told.words == text::NOT_FOUND && is_patients && roles.has(Role::Clinician) {
        return text::NOT_FOUND_PATIENT;
    }
    told.words
}

fn is_of(path: &str, route: &str) -> bool {
    let (mut path, mut route) = (path.split('/'), route.split('/'));
    loop {
        match (path.next(), route.next()) {
            (None, None) => return true,
            (Some(part), Some(wanted)) if part == wanted || (wanted.starts_with('{') && !part.is_empty()) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_be_done_is_said_of_forms_that_there_are() {
        for (place, words) in text::DONE {
            assert!(ROUTES.iter().any(|(method, route, _)| (*method, route) == ("post", place)), "{place}");
            assert!(words.ends_with('.'), "{words}");
        }
    }

    #[test]
    fn the_way_back_is_a_page_of_this_console_that_the_roles_may_see() {
        let (clinician, admin) = (Role::Clinician.into(), Role::Admin.into());
        for (method, path, roles, back) in [
            (Method::POST, "/patients/abc/team/jdoe/end", clinician, "/patients/abc"),
            (Method::POST, "/patients/abc/record/number", clinician, "/patients/abc/record"),
            (Method::POST, "/people", admin, "/people"),
            (Method::POST, "/people/jdoe/grant", admin, "/people/jdoe"),
            (Method::POST, "/devices/1/approve", admin, "/devices"),
            (Method::POST, "/account/phones/1/lost", admin, "/account"),
            (Method::GET, "/patients/abc", clinician, "/patients"),
            (Method::GET, "/pictures/abc", clinician, "/"),
            (Method::POST, "/patients/found", clinician, "/patients"),
            // What scripts and pages ask for is no page.
            (Method::GET, "/devices/rows/x", admin, "/devices"),
            (Method::GET, "/static/console.css/x", admin, "/"),
            (Method::GET, "/images/a/b/c", clinician, "/"),
            // Another role's pages are no way back.
            (Method::POST, "/people/jdoe/grant", clinician, "/"),
            (Method::GET, "/patients/abc", admin, "/"),
            // What is no address of this console leads nowhere else.
            (Method::GET, "//evil.example/patients", clinician, "/"),
            (Method::GET, "/\\evil.example/x", clinician, "/"),
            (Method::POST, "https://evil.example/people", admin, "/"),
            (Method::GET, "/patients//", clinician, "/patients"),
            (Method::GET, "", clinician, "/"),
        ] {
            assert_eq!(way_back(&method, path, roles), back, "{method} {path}");
        }
    }
}
