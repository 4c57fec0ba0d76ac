//! Running the command in an empty folder, and looking at what it said and left.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(dead_code, unreachable_pub, reason = "each test file includes it and uses its own part")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use stylecast::frame::{Frame, Size};

/// A file that comes with the program.
pub fn media(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/media").join(name).to_str().unwrap().to_owned()
}

/// A folder of its own, and the command run in it.
pub struct Desk {
    pub folder: tempfile::TempDir,
}

/// What a run of the command came to.
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Desk {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A picture of crossing slopes under this name, whose letters give its colours.
    pub fn picture(&self, name: &str, size: Size) -> &Self {
        let seed: usize = name.bytes().map(usize::from).sum();
        let frame = Frame::from_fn(size, |x, y| [(x * 9 + seed) as u8, (y * seed) as u8, (x * y) as u8]);
        let (width, height) = (size.width as u32, size.height as u32);
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        image::save_buffer(self.path(name), frame.data(), width, height, image::ColorType::Rgb8).unwrap();
        self
    }

    /// The names of everything in the folder, hidden or not.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stylecast"));
        command.args(args).current_dir(self.folder.path()).env_remove("COLUMNS").env_remove("RUST_LOG");
        command
    }

    pub fn run(&self, args: &[&str]) -> Run {
        let output = self.command(args).stdin(Stdio::null()).output().unwrap();
        Run {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts the command with its stdout and stderr to be read.
    pub fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

impl Run {
    /// Every line of stdout, as JSON.
    pub fn json(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }

    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self
    }

    #[track_caller]
    pub fn fails(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "out: {}\nerr: {}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }
}

/// The keys of an object, in the order they were written.
pub fn keys(line: &str) -> Vec<String> {
    // serde_json's map is sorted; the order of the text is what readers see.
    let object: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
    let mut keys: Vec<_> = object.keys().cloned().collect();
    keys.sort_by_key(|key| line.find(&format!("\"{key}\":")));
    keys
}
