//! Where the network's weights come from.
//!
//! Three places are asked, in this order: a file the user names, the copy inside the binary, and the
//! cache that `stylecast models pull` fills. Here they are only found and read; what is inside a file,
//! [`vgg`](crate::vgg) checks.

mod pull;

pub use pull::{Hub, Pulled};

use crate::error::{Error, Result};
use crate::vgg::{Model, Weights};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::io::{ErrorKind as IoErrorKind, Read};
use std::path::{Path, PathBuf};

/// VGG-16 without its classifier, float16; `models/README.md` tells its origin and licence.
#[cfg(feature = "embedded-weights")]
static EMBEDDED: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/vgg16-features.safetensors"));

/// Where a network's weights were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Inside the binary.
    Embedded,
    /// A file the user named.
    File(PathBuf),
    /// The cache, put there by a pull.
    Pulled(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("built in"),
            Self::File(path) | Self::Pulled(path) => path.display().fmt(f),
        }
    }
}

/// A weight file, read but not looked into.
#[derive(Debug)]
pub struct WeightFile {
    origin: Origin,
    expected: Option<Model>,
    bytes: Cow<'static, [u8]>,
}

impl WeightFile {
    /// Finds and reads the weights of `model` (by default VGG-16, or whatever `file` holds): from `file`
    /// if one is named, else where [`locate`] says.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`](crate::error::ErrorKind::Model) if there are none, or the file is missing,
    /// a folder, empty, or cannot be read.
    pub fn load(model: Option<Model>, file: Option<&Path>) -> Result<Self> {
        let wanted = model.unwrap_or(Model::Vgg16);
        let origin = file.map_or_else(|| locate(wanted), |file| Ok(Origin::File(file.to_owned())))?;
        let bytes = match &origin {
            #[cfg(feature = "embedded-weights")]
            Origin::Embedded => Cow::Borrowed(EMBEDDED),
            #[cfg(not(feature = "embedded-weights"))]
            Origin::Embedded => return Err(missing(wanted)),
            Origin::File(path) | Origin::Pulled(path) => Cow::Owned(read(path)?),
        };
        Ok(Self { origin, expected: model, bytes })
    }

    /// Where they were found.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The bytes of a safetensors file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The weights in it.
    ///
    /// # Errors
    ///
    /// Those of [`Weights::parse`]: a damaged file, another network than the one asked for.
    pub fn parse(&self) -> Result<Weights> {
        Weights::parse(&self.bytes, &self.origin.to_string(), self.expected)
    }

    /// The SHA-256 of the file, in hexadecimal.
    pub fn sha256(&self) -> String {
        hex(&Sha256::digest(&self.bytes))
    }
}

/// Where the weights of `model` are, if no file is named: in the binary, else in the cache.
///
/// # Errors
///
/// [`ErrorKind::Model`](crate::error::ErrorKind::Model) if they are nowhere; its next step is the
/// command that fetches them.
pub fn locate(model: Model) -> Result<Origin> {
    if cfg!(feature = "embedded-weights") && model == Model::Vgg16 {
        return Ok(Origin::Embedded);
    }
    let pulled = cache_folder().map(|folder| pulled_path(&folder, model));
    pulled.filter(|path| path.is_file()).map(Origin::Pulled).ok_or_else(|| missing(model))
}

/// The folder that pulled weights are kept in: `stylecast/models` in the user's cache
/// (`$XDG_CACHE_HOME` or `~/.cache` on Linux); `None` if the user has no home.
pub fn cache_folder() -> Option<PathBuf> {
    dirs::cache_dir().map(|cache| cache.join("stylecast").join("models"))
}

fn pulled_path(folder: &Path, model: Model) -> PathBuf {
    folder.join(format!("{model}.safetensors"))
}

fn missing(model: Model) -> Error {
    Error::model(format!("the weights of {model} are not on this machine"))
        .hint(format!("fetch them with: stylecast models pull {model}, or name a file with --weights"))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let refused =
        |cause: String| Error::model(format!("cannot read the weights {}: {cause}", path.display()));
    let failed = |error: std::io::Error| match error.kind() {
        IoErrorKind::NotFound => {
            refused("there is no such file".to_owned()).hint("check the spelling and the folder")
        }
        IoErrorKind::PermissionDenied => {
            refused("permission denied".to_owned()).hint("check its permissions")
        }
        _ => refused(error.to_string()),
    };
    if path.metadata().map_err(failed)?.is_dir() {
        return Err(refused("it is a folder".to_owned()).hint("name the .safetensors file in it"));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    if bytes.is_empty() {
        return Err(refused("it is empty".to_owned()).hint("download it again"));
    }
    Ok(bytes)
}

/// The SHA-256 of a file, in hexadecimal, without holding the file in memory.
fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            count => hasher.update(&buffer[..count]),
        }
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "embedded-weights")]
    fn the_built_in_weights_are_those_of_the_readme() {
        let weights = WeightFile::load(None, None).unwrap();
        assert_eq!(weights.origin(), &Origin::Embedded);
        assert_eq!(weights.parse().unwrap().model(), Model::Vgg16);
        let readme = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/README.md"));
        assert!(readme.contains(&weights.sha256()), "{}", weights.sha256());
    }

    #[test]
    fn a_named_file_that_cannot_be_read_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.safetensors");
        std::fs::write(&empty, "").unwrap();
        for (path, cause) in [
            (folder.path().join("none.safetensors"), "no such file"),
            (folder.path().to_owned(), "it is a folder"),
            (empty, "it is empty"),
        ] {
            let error = WeightFile::load(None, Some(&path)).unwrap_err();
            assert_eq!(error.kind(), crate::error::ErrorKind::Model);
            assert!(error.to_string().contains(cause), "{error}");
        }
    }

    #[test]
    fn checksums_agree_with_the_published_one() {
        // FIPS 180-2, appendix B.1: SHA-256("abc").
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        let published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_of(file.path()).unwrap(), published);
    }
}
