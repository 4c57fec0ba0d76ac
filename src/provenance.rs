//! What a picture or a film says of how it was made: one line of text that travels inside the file.
//!
//! The line is a JSON object whose first key is `stylecast`, in ASCII, so that every container keeps it as it
//! is, whatever it thinks of encodings. What the object says is up to who writes it; here is only what
//! sources and sinks have to agree on.

/// The key of PNG texts and film tags that hold the line.
pub const KEYWORD: &str = "stylecast";

/// The TIFF/EP tag ImageHistory, "what has been done to the image", which holds the line in TIFF files and in
/// the Exif blocks of JPEG and WebP.
pub const IMAGE_HISTORY: u16 = 0x9213;

/// What files name as the program that made them.
pub const SOFTWARE: &str = concat!("stylecast ", env!("CARGO_PKG_VERSION"));

/// How every line begins.
const BEGINNING: &str = "{\"stylecast\":";

/// Such a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance(String);

impl Provenance {
    /// Takes a JSON object without line breaks; `None` if its first key is not `stylecast`. Letters beyond
    /// ASCII, which JSON has in strings only, are written as escapes.
    pub fn new(json: &str) -> Option<Self> {
        let fits = json.starts_with(BEGINNING) && !json.contains(|c: char| c.is_ascii_control());
        fits.then(|| Self(ascii(json)))
    }

    /// The one among the lines of `text`, if there is one.
    pub fn find(text: &str) -> Option<Self> {
        text.lines().find_map(Self::new)
    }

    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a line, in whatever encoding, is one of these.
pub fn is_provenance(line: &[u8]) -> bool {
    line.starts_with(BEGINNING.as_bytes())
}

fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_letter_survives_as_ascii() {
        let said = serde_json::json!({ "stylecast": "Grüße, 日本 🎨\n" }).to_string();
        let provenance = Provenance::new(&said).unwrap();
        assert!(provenance.as_str().is_ascii(), "{}", provenance.as_str());
        let read: serde_json::Value = serde_json::from_str(provenance.as_str()).unwrap();
        assert_eq!(read["stylecast"], "Grüße, 日本 🎨\n");
    }

    #[test]
    fn it_is_found_among_the_lines_of_a_comment_and_nothing_else_is() {
        let line = r#"{"stylecast":"1"}"#;
        let found = Provenance::find(&format!("A day at the sea\n{line}\nwith friends")).unwrap();
        assert_eq!(found.as_str(), line);
        for other in
            ["", "A day at the sea", r#"{"other":"1"}"#, r#" {"stylecast":"1"}"#, "{\"stylecast\":\t1}"]
        {
            assert!(Provenance::find(other).is_none(), "{other}");
        }
        assert!(is_provenance(line.as_bytes()) && !is_provenance(b"\xff"));
    }
}
