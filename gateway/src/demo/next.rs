//! What to try next.

use std::path::Path;

use super::story::Places;

/// The closing words: the commands for the folder that was kept, or how to keep one.
pub(super) fn steps(kept: Option<&Places>, picture: Option<&str>) -> String {
    let program = std::env::current_exe().ok();
    let program = program.as_deref().map_or("safelight".to_owned(), quoted);
    let Some(places) = kept else {
        return format!("The folder is gone. To keep one and go on with it:\n\n  {program} demo --keep demo-folder\n");
    };
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (data, phone) = (name(&places.data), name(&places.identity));
    let (passphrase, recovery) = (name(&places.passphrase), name(&places.recovery));
    let picture = picture.unwrap_or("ID");
    format!(
        "Everything is kept; the gateway has been stopped. To go on:

  S={program}
  cd {root}
  $S serve --data {data} --passphrase-file {passphrase} &
  $S health --data {data} --wait 10s

A photograph of your own, cleaned only, or sent:
  $S phone strip PHOTO.jpg -o clean.jpg --report
  $S phone send --identity {phone} --patient 4711 --name \"A Person\" \\
      --birth-date 1961-02-03 --site \"left forearm\" PHOTO.jpg

What the clinic has, and one picture of it, with and without this program:
  $S vault list --data {data} --passphrase-file {passphrase}
  $S vault open {picture} -o picture.jpg \\
      --reason \"to look at it\" --data {data} --passphrase-file {passphrase}
  $S vault export {picture} \\
      -o picture.age --data {data}
  age -d -i {recovery} picture.age > picture-by-age.jpg

Shut the phone out, and try to send again:
  $S device list --data {data}
  $S device revoke DEVICE-ID --data {data}

Look at the record, then stop the gateway:
  $S audit verify --data {data}
  kill %1
",
        root = quoted(&places.root),
    )
}

/// As a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte));
    if is_plain { text.into_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_a_shell() {
        assert_eq!(quoted(Path::new("/tmp/a-b.c")), "/tmp/a-b.c");
        assert_eq!(quoted(Path::new("/tmp/a b")), "'/tmp/a b'");
        assert_eq!(quoted(Path::new("/tmp/it's")), r"'/tmp/it'\''s'");
    }
}
