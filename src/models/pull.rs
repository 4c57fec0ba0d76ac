//! Weights from the Hugging Face hub, into the cache.
//!
//! `hf-hub` speaks to the hub and resumes a broken transfer where it stopped. Around it stands what it
//! leaves out: the size and the SHA-256 that the hub names are checked, and only a file that agrees
//! gets its final name. Until then everything lies in a folder of its own beside.

use super::{cache_folder, pulled_path, sha256_of};
use crate::error::{Error, Result};
use crate::vgg::Model;
use hf_hub::api::Progress;
use hf_hub::api::sync::{ApiBuilder, ApiError};
use hf_hub::{Repo, RepoType};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::io::ErrorKind as IoErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file fetched from a repository.
const FILE: &str = "model.safetensors";

/// Torchvision's weights as the `timm` project publishes them.
fn repository(model: Model) -> &'static str {
    match model {
        Model::Vgg16 => "timm/vgg16.tv_in1k",
        Model::Vgg19 => "timm/vgg19.tv_in1k",
    }
}

/// A hub and the folder that what it sends is kept in.
#[derive(Debug, Clone)]
pub struct Hub {
    endpoint: String,
    folder: PathBuf,
    attempts: u32,
    pause: Duration,
}

/// Weights that are in the cache now, and agree with their checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The file.
    pub path: PathBuf,
    /// Its SHA-256 as the hub names it, in hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// Whether it came now, or was there already.
    pub fetched: bool,
}

/// What is noted beside a pulled file.
#[derive(Serialize, Deserialize)]
struct Record {
    repository: String,
    file: String,
    sha256: String,
    bytes: u64,
}

/// Why one attempt failed.
enum Failure {
    /// Worth another attempt, which goes on where this one stopped.
    Passing(Error),
    /// The hub says that there is nothing left to send.
    AllThere(Error),
    Final(Error),
}

impl Hub {
    /// The hub at `$HF_ENDPOINT`, by default `https://huggingface.co`, and the user's cache.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`](crate::error::ErrorKind::Model) if the user has no home.
    pub fn from_env() -> Result<Self> {
        let endpoint = std::env::var("HF_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty());
        let folder = cache_folder().ok_or_else(|| {
            Error::model("there is no folder to keep weights in: the user has no home")
                .hint("set XDG_CACHE_HOME, or download the file yourself and name it with --weights")
        })?;
        Ok(Self::new(endpoint.as_deref().unwrap_or("https://huggingface.co"), folder))
    }

    /// The hub at `endpoint`, keeping files in `folder`. A broken transfer is taken up again four
    /// times, two seconds apart.
    pub fn new(endpoint: &str, folder: PathBuf) -> Self {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Self { endpoint, folder, attempts: 5, pause: Duration::from_secs(2) }
    }

    /// Another number of attempts, and seconds between them.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32, pause: Duration) -> Self {
        (self.attempts, self.pause) = (attempts.max(1), pause);
        self
    }

    /// Brings the weights of `model` into the cache, unless they are there and whole. `progress` is
    /// told the bytes that are here and those in all; 500 MB are usual.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`](crate::error::ErrorKind::Model) if the hub cannot be reached, has no such
    /// file, or sends other bytes than its checksum says; [`ErrorKind::Output`](crate::error::ErrorKind::Output)
    /// if the cache cannot be written. What has arrived is kept for the next pull.
    pub fn pull(&self, model: Model, mut progress: impl FnMut(u64, u64)) -> Result<Pulled> {
        if let Some(pulled) = self.present(model) {
            return Ok(pulled);
        }
        std::fs::create_dir_all(&self.folder).map_err(|error| self.cannot_keep(&error))?;
        let mut attempt = 1;
        loop {
            match self.attempt(model, &mut progress) {
                Ok(pulled) => return Ok(pulled),
                Err(Failure::Passing(_)) if attempt < self.attempts => {
                    std::thread::sleep(self.pause);
                    attempt += 1;
                }
                Err(Failure::Passing(error) | Failure::AllThere(error) | Failure::Final(error)) => {
                    return Err(error);
                }
            }
        }
    }

    /// The weights, if an earlier pull left them here and they are still what it fetched.
    fn present(&self, model: Model) -> Option<Pulled> {
        let path = pulled_path(&self.folder, model);
        let record: Record =
            serde_json::from_slice(&std::fs::read(path.with_extension("json")).ok()?).ok()?;
        let whole = path.metadata().ok()?.len() == record.bytes && sha256_of(&path).ok()? == record.sha256;
        whole.then_some(Pulled { path, sha256: record.sha256, bytes: record.bytes, fetched: false })
    }

    /// Where `hf-hub` keeps what is not complete.
    fn staging(&self) -> PathBuf {
        self.folder.join("incomplete")
    }

    fn attempt(&self, model: Model, progress: &mut impl FnMut(u64, u64)) -> Result<Pulled, Failure> {
        let total = Cell::new(0);
        let blob = match self.download(model, Meter { total: &total, done: 0, say: progress }) {
            // A part that is complete already, left by a pull that was killed before the renaming.
            Err(Failure::AllThere(error)) => self.complete_part(model).ok_or(Failure::Passing(error))?,
            other => other?,
        };
        self.verify(model, &blob, total.get())
    }

    /// Fetches what is missing; returns the blob, whose name is the checksum that the hub names.
    fn download(&self, model: Model, meter: Meter<'_>) -> Result<PathBuf, Failure> {
        let failed = |error| self.explained(model, error);
        let api = ApiBuilder::new()
            .with_endpoint(self.endpoint.clone())
            .with_cache_dir(self.staging())
            .with_token(None)
            .with_user_agent("stylecast", env!("CARGO_PKG_VERSION"))
            .build()
            .map_err(failed)?;
        let pointer =
            api.model(repository(model).to_owned()).download_with_progress(FILE, meter).map_err(failed)?;
        pointer.canonicalize().map_err(|error| Failure::Final(self.cannot_keep(&error)))
    }

    /// The folder of one repository in the staging folder.
    fn staged(&self, model: Model) -> PathBuf {
        self.staging().join(Repo::new(repository(model).to_owned(), RepoType::Model).folder_name())
    }

    /// Takes the name `.part` from a part whose checksum shows that nothing is missing; removes any
    /// other, which cannot be gone on with.
    fn complete_part(&self, model: Model) -> Option<PathBuf> {
        let parts = std::fs::read_dir(self.staged(model).join("blobs")).ok()?;
        let part = parts
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|e| e == "part"))?;
        let blob = part.with_extension("");
        if sha256_of(&part).ok()?.as_str() == blob.file_name()? {
            std::fs::rename(&part, &blob).ok()?;
            return Some(blob);
        }
        std::fs::remove_file(&part).ok()?;
        None
    }

    /// Checks a blob against the size and the checksum that the hub named, and gives it its name.
    fn verify(&self, model: Model, blob: &Path, expected: u64) -> Result<Pulled, Failure> {
        let kept = |error: std::io::Error| Failure::Final(self.cannot_keep(&error));
        let named = blob.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        if named.len() != 64 || !named.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Failure::Final(
                Error::model(format!("{} names no checksum for {}", self.endpoint, repository(model)))
                    .hint("use another endpoint, or download the file yourself and name it with --weights"),
            ));
        }
        let bytes = blob.metadata().map_err(kept)?.len();
        let found = sha256_of(blob).map_err(kept)?;
        if found != named || (expected != 0 && bytes != expected) {
            // Nothing of it may be gone on with.
            std::fs::remove_dir_all(self.staged(model)).map_err(kept)?;
            return Err(Failure::Passing(
                Error::model(format!(
                    "what {} sent as {} is not what it should be: {bytes} bytes with the SHA-256 {found} instead of {named}",
                    self.endpoint,
                    repository(model)
                ))
                .hint("try again later, or from another network"),
            ));
        }
        let path = pulled_path(&self.folder, model);
        std::fs::rename(blob, &path).map_err(kept)?;
        let record =
            Record { repository: repository(model).to_owned(), file: FILE.to_owned(), sha256: named, bytes };
        let text = serde_json::to_string_pretty(&record).unwrap_or_default() + "\n";
        std::fs::write(path.with_extension("json"), text).map_err(kept)?;
        // What remains are empty folders and a link to where the blob was.
        let _ = std::fs::remove_dir_all(self.staged(model));
        Ok(Pulled { path, sha256: record.sha256, bytes, fetched: true })
    }

    fn cannot_keep(&self, error: &std::io::Error) -> Error {
        let folder = self.folder.display();
        match error.kind() {
            IoErrorKind::StorageFull | IoErrorKind::QuotaExceeded => {
                Error::output(format!("cannot keep the weights in {folder}: the disk is full"))
                    .hint("make room (about 600 MB), or set XDG_CACHE_HOME to a folder on another disk")
            }
            _ => Error::output(format!("cannot keep the weights in {folder}: {error}"))
                .hint("check its permissions, or set XDG_CACHE_HOME to another folder"),
        }
    }

    /// The library's errors as sentences, and whether another attempt may help.
    fn explained(&self, model: Model, error: ApiError) -> Failure {
        let (endpoint, repository) = (&self.endpoint, repository(model));
        let cannot =
            |cause: String| Error::model(format!("cannot fetch {repository} from {endpoint}: {cause}"));
        match error {
            ApiError::RequestError(request) => match *request {
                ureq::Error::Status(404 | 401 | 403, _) => Failure::Final(
                    cannot(format!("it has no {FILE} there"))
                        .hint("check HF_ENDPOINT, or download the file yourself and name it with --weights"),
                ),
                ureq::Error::Status(416, _) => {
                    Failure::AllThere(cannot("it has nothing more to send".to_owned()))
                }
                ureq::Error::Status(code, response) => {
                    let error = cannot(format!("it answers {code} {}", response.status_text()))
                        .hint("try again later");
                    if code == 429 || code >= 500 { Failure::Passing(error) } else { Failure::Final(error) }
                }
                ureq::Error::Transport(transport) => {
                    let passing = transport.kind() == ureq::ErrorKind::Io;
                    let error = cannot("it cannot be reached".to_owned())
                        .hint("check the network and HF_ENDPOINT, or name a file with --weights")
                        .caused_by(transport);
                    if passing { Failure::Passing(error) } else { Failure::Final(error) }
                }
            },
            ApiError::IoError(error) => match error.kind() {
                IoErrorKind::StorageFull
                | IoErrorKind::QuotaExceeded
                | IoErrorKind::PermissionDenied
                | IoErrorKind::NotADirectory
                | IoErrorKind::ReadOnlyFilesystem => Failure::Final(self.cannot_keep(&error)),
                _ => Failure::Passing(
                    cannot("the transfer broke off".to_owned())
                        .hint(format!("stylecast models pull {model} goes on where it stopped"))
                        .caused_by(error),
                ),
            },
            // A part longer than the file: whatever it is, it is in the way.
            ApiError::InvalidResume => {
                let _ = std::fs::remove_dir_all(self.staged(model));
                Failure::Passing(cannot("an earlier part does not fit".to_owned()))
            }
            ApiError::LockAcquisition(_) => {
                Failure::Final(cannot("another pull is under way".to_owned()).hint("wait for it"))
            }
            other => Failure::Final(cannot("its answer is not understood".to_owned()).caused_by(other)),
        }
    }
}

/// Passes progress on, and notes the size that the hub names.
struct Meter<'a> {
    total: &'a Cell<u64>,
    done: u64,
    say: &'a mut dyn FnMut(u64, u64),
}

impl Progress for Meter<'_> {
    fn init(&mut self, size: usize, _filename: &str) {
        self.total.set(size as u64);
        self.done = 0;
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        (self.say)(self.done, self.total.get());
    }

    fn finish(&mut self) {}
}
