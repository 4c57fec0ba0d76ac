//! Words as a shell reads them, so that a command line that is shown can be pasted and does what it says.

/// A word, in quotes where it needs them. Control characters, which a file from elsewhere may bring, are
/// written as escapes (`$'\x1b'`): what is only shown does nothing to a terminal.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./,:=+@%^".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if !word.contains(char::is_control) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut text = String::from("$'");
    for c in word.chars() {
        match c {
            '\'' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            c if c.is_control() => {
                let mut bytes = [0; 4];
                c.encode_utf8(&mut bytes).bytes().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
            }
            c => text.push(c),
        }
    }
    text.push('\'');
    text
}

/// A whole command line.
pub(super) fn line(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_stand_only_where_they_are_needed() {
        for (word, quoted) in [
            ("photo.jpg", "photo.jpg"),
            ("a.jpg=2,b.jpg=1", "a.jpg=2,b.jpg=1"),
            ("Grüße.png", "Grüße.png"),
            ("", "''"),
            ("my photo.jpg", "'my photo.jpg'"),
            ("it's.png", r"'it'\''s.png'"),
            ("$HOME", "'$HOME'"),
            ("~/a", "'~/a'"),
            ("two\nlines'", r"$'two\nlines\''"),
            ("\u{1b}[31m", r"$'\x1b[31m'"),
        ] {
            assert_eq!(super::quoted(word), quoted);
        }
    }

    proptest! {
        #[test]
        #[cfg(unix)]
        fn bash_reads_what_was_meant(words in proptest::collection::vec(any::<String>(), 1..4)) {
            // A shell's words end at a zero byte.
            let words: Vec<String> = words.iter().map(|word| word.replace('\0', "")).collect();
            let shown = line(&words);
            prop_assert!(!shown.contains(char::is_control));
            let script = format!("LC_ALL=C; printf '%s\\0' {shown}");
            if let Ok(output) = std::process::Command::new("bash").args(["-c", &script]).output() {
                let read = String::from_utf8(output.stdout).unwrap();
                prop_assert_eq!(read, words.iter().map(|word| format!("{word}\0")).collect::<String>());
            }
        }
    }
}
