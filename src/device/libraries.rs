//! Where CUDA's libraries are looked for, and which of them go together.
//!
//! A portable program does not link them, so that it starts everywhere; it opens them when a GPU is wanted.
//! Many people have them only where no loader looks: inside a Python environment, where PyTorch has put them.
//! So the folders that `STYLECAST_CUDA_LIBS` names are looked into first, then the loader's own places, then
//! Python environments and toolkits.
//!
//! Nothing is opened here: whoever searches brings the opening along, and so it can be tried out in folders
//! of empty files. File names are Linux's; elsewhere only the loader's own places are of use.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The driver's own library, which comes with the driver and with nothing else.
pub const DRIVER: &str = "libcuda.so.1";

/// The generations of CUDA whose libraries will do, newest first.
const GENERATIONS: [u32; 2] = [13, 12];

/// A library that the tensor library asks for.
struct Needed {
    name: &'static str,
    /// The number at the end of its file name; `None`: that of CUDA's generation.
    version: Option<u32>,
    /// Whether it is enough to have it opened where it is there.
    optional: bool,
}

const fn needed(name: &'static str, version: Option<u32>) -> Needed {
    Needed { name, version, optional: false }
}

/// In the order in which they need each other.
const NEEDED: &[Needed] = &[
    needed("cublasLt", None),
    needed("cublas", None),
    needed("curand", Some(10)),
    #[cfg(feature = "cudnn")]
    Needed { name: "nvrtc", version: None, optional: true },
    #[cfg(feature = "cudnn")]
    needed("cudnn", Some(9)),
];

/// The folders that are looked into, before and after the loader's own places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    before: Vec<PathBuf>,
    after: Vec<PathBuf>,
}

impl Places {
    /// The places that the environment tells of; `variable` reads one of its variables.
    pub fn new(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let list = |name: &str| -> Vec<PathBuf> {
            variable(name).map(|list| std::env::split_paths(&list).collect()).unwrap_or_default()
        };
        let mut roots: Vec<PathBuf> = Vec::new();
        for name in ["VIRTUAL_ENV", "CONDA_PREFIX", "CUDA_HOME", "CUDA_PATH"] {
            roots.extend(variable(name).filter(|value| !value.is_empty()).map(PathBuf::from));
        }
        // The environment of every python3 that can be started by its name, the first one first.
        let pythons = list("PATH").into_iter().filter(|folder| folder.join("python3").is_file());
        roots.extend(pythons.filter_map(|folder| folder.parent().map(Path::to_owned)));
        roots.extend(variable("HOME").map(|home| PathBuf::from(home).join(".local")));
        roots.extend(["/usr/local", "/usr/local/cuda", "/opt/cuda", "/usr/lib/wsl"].map(PathBuf::from));
        let folders = |roots: Vec<PathBuf>| {
            let mut seen = BTreeSet::new();
            let folders = roots.iter().filter(|root| root.is_absolute()).flat_map(|root| folders_of(root));
            folders.filter(|folder| seen.insert(folder.clone())).collect()
        };
        Self { before: folders(list("STYLECAST_CUDA_LIBS")), after: folders(roots) }
    }

    /// As [`Self::new`], from this process's environment.
    pub fn from_environment() -> Self {
        Self::new(|name| std::env::var_os(name))
    }

    /// Looks into `folder` too, when a library is nowhere else.
    pub fn add_last(&mut self, folder: &Path) {
        self.after.push(folder.to_owned());
    }

    /// Everything that a library of this file name may be opened by, best first.
    fn candidates(&self, file: &str) -> impl Iterator<Item = PathBuf> {
        let within = |folders: &[PathBuf]| -> Vec<PathBuf> {
            folders.iter().map(|folder| folder.join(file)).filter(|path| path.exists()).collect()
        };
        within(&self.before).into_iter().chain([file.into()]).chain(within(&self.after))
    }

    /// Opens the library of this file name by the first candidate that `open` can open.
    ///
    /// # Errors
    /// What is missing, or why what is there cannot be opened, as a part of a sentence.
    pub fn open<H>(
        &self,
        file: &str,
        open: &mut impl FnMut(&Path) -> Result<H, String>,
    ) -> Result<(PathBuf, H), String> {
        // What the loader says of a name that it does not know.
        let unknown = format!("{file}: cannot open shared object file");
        let mut broken = None;
        for path in self.candidates(file) {
            match open(&path) {
                Ok(handle) => return Ok((path, handle)),
                Err(why) if path.is_relative() && why.contains(&unknown) => {}
                Err(why) => broken = broken.or(Some(why)),
            }
        }
        Err(broken.map_or_else(
            || format!("{file} was not found"),
            |why| format!("{file} cannot be opened ({why})"),
        ))
    }

    /// Opens all libraries of the newest generation of CUDA that is here as a whole and that a driver for CUDA
    /// `driver` (its major version; `None` where it is not known) can run.
    ///
    /// # Errors
    /// What is missing of the newest generation that the driver can run, as a part of a sentence.
    pub fn open_all<H>(
        &self,
        driver: Option<u32>,
        open: &mut impl FnMut(&Path) -> Result<H, String>,
    ) -> Result<Vec<(PathBuf, H)>, String> {
        let mut missing = None;
        for generation in GENERATIONS.into_iter().filter(|&g| driver.is_none_or(|driver| g <= driver)) {
            match self.open_generation(generation, open) {
                Ok(libraries) => return Ok(libraries),
                Err(why) => missing = missing.or(Some(why)),
            }
        }
        let oldest = GENERATIONS[GENERATIONS.len() - 1];
        Err(missing.unwrap_or_else(|| format!("CUDA {oldest} is the oldest that will do")))
    }

    fn open_generation<H>(
        &self,
        generation: u32,
        open: &mut impl FnMut(&Path) -> Result<H, String>,
    ) -> Result<Vec<(PathBuf, H)>, String> {
        let mut libraries = Vec::new();
        for Needed { name, version, optional } in NEEDED {
            match self.open(&format!("lib{name}.so.{}", version.unwrap_or(generation)), open) {
                Ok(library) => libraries.push(library),
                Err(_) if *optional => {}
                Err(why) => return Err(why),
            }
        }
        Ok(libraries)
    }
}

/// Where libraries lie around a folder that was named: in itself; in a toolkit; in an environment; and in what
/// Python packages have brought (`nvidia/cublas/lib` …), in an environment or right here.
fn folders_of(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.to_owned()];
    let libs = ["lib64", "lib", "targets/x86_64-linux/lib"].map(|lib| root.join(lib));
    folders.extend(libs.iter().cloned());
    let pythons = libs
        .iter()
        .flat_map(|lib| children(lib))
        .filter(|child| child.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3")));
    let packages = pythons.flat_map(|python| ["site-packages", "dist-packages"].map(|p| python.join(p)));
    for packages in std::iter::once(root.to_owned()).chain(packages) {
        folders.extend(children(&packages.join("nvidia")).into_iter().map(|package| package.join("lib")));
    }
    folders.retain(|folder| folder.is_dir());
    folders
}

/// What is in a folder, sorted by name, newest versions first; nothing if it cannot be read.
fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut children: Vec<_> = entries.map(|entry| entry.path()).collect();
    children.sort();
    children.reverse();
    children
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use tempfile::TempDir;

    /// A folder with these files, each of which holds its own path.
    fn tree(files: &[&str]) -> TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, file).unwrap();
        }
        root
    }

    fn places(variables: &[(&str, &Path)]) -> Places {
        let variables: HashMap<_, _> =
            variables.iter().map(|(name, path)| (*name, path.as_os_str().to_owned())).collect();
        Places::new(|name| variables.get(name).cloned())
    }

    /// Opens whatever is a file and says where it lay; the loader itself knows nothing.
    fn reading(path: &Path) -> Result<String, String> {
        let unknown = |_| format!("{}: cannot open shared object file: No such file", path.display());
        std::fs::read_to_string(path).map_err(unknown)
    }

    fn all_of(generation: u32, folder: &str) -> Vec<String> {
        NEEDED
            .iter()
            .map(|n| format!("{folder}/lib{}.so.{}", n.name, n.version.unwrap_or(generation)))
            .collect()
    }

    fn opened(places: &Places, driver: Option<u32>) -> Result<Vec<String>, String> {
        let all = places.open_all(driver, &mut reading)?;
        Ok(all.into_iter().map(|(_, contents)| contents).collect())
    }

    #[test]
    fn libraries_are_found_in_a_python_environment_in_a_toolkit_and_where_they_are_named() {
        for (folder, variable, value) in [
            ("lib/python3.12/site-packages/nvidia/cu13/lib", "VIRTUAL_ENV", ""),
            ("lib/python3.11/site-packages/nvidia/cublas/lib", "CONDA_PREFIX", ""),
            ("lib", "CONDA_PREFIX", ""),
            ("lib64", "CUDA_HOME", ""),
            ("targets/x86_64-linux/lib", "CUDA_PATH", ""),
            (".local/lib/python3.13/site-packages/nvidia/x/lib", "HOME", ""),
            ("env/lib/python3.12/site-packages/nvidia/cu13/lib", "STYLECAST_CUDA_LIBS", "env"),
            ("packages/nvidia/cu13/lib", "STYLECAST_CUDA_LIBS", "packages"),
            ("my libraries", "STYLECAST_CUDA_LIBS", "my libraries"),
        ] {
            let files = all_of(13, folder);
            let root = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
            let places = places(&[(variable, &root.path().join(value))]);
            assert_eq!(opened(&places, None).unwrap(), files, "{variable}");
        }
    }

    #[test]
    fn the_python_that_would_start_tells_its_environment() {
        let mut files = all_of(13, "env/lib/python3.12/site-packages/nvidia/cu13/lib");
        files.push("env/bin/python3".into());
        let root = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
        let found = opened(&places(&[("PATH", &root.path().join("env/bin"))]), None).unwrap();
        assert_eq!(found, files[..files.len() - 1]);
    }

    #[test]
    fn what_was_named_comes_first_and_what_was_added_comes_last() {
        let mut files = all_of(13, "named");
        files.extend(all_of(13, "env/lib"));
        files.extend(all_of(13, "last"));
        let root = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
        let (named, env) = (root.path().join("named"), root.path().join("env"));
        let mut places = places(&[("STYLECAST_CUDA_LIBS", &named), ("VIRTUAL_ENV", &env)]);
        places.add_last(&root.path().join("last"));
        let order: Vec<_> = places.candidates("libcublas.so.13").collect();
        let at = |folder: &str| root.path().join(folder).join("libcublas.so.13");
        assert_eq!(order, [at("named"), "libcublas.so.13".into(), at("env/lib"), at("last")]);
    }

    #[test]
    fn the_newest_whole_generation_that_the_driver_runs_is_taken() {
        let mut files = all_of(13, "13");
        files.extend(all_of(12, "12"));
        let root = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
        let list = std::env::join_paths([root.path().join("13"), root.path().join("12")]).unwrap();
        let places = places(&[("STYLECAST_CUDA_LIBS", Path::new(&list))]);
        let folder = |driver| opened(&places, driver).unwrap()[0].split('/').next().unwrap().to_owned();
        assert_eq!(folder(None), "13");
        assert_eq!(folder(Some(14)), "13");
        assert_eq!(folder(Some(12)), "12");
        assert!(opened(&places, Some(11)).unwrap_err().contains("CUDA 12 is the oldest"));
        // One of them is missing.
        std::fs::remove_file(root.path().join("13/libcublas.so.13")).unwrap();
        assert_eq!(folder(None), "12");
    }

    #[test]
    fn what_is_missing_and_what_is_broken_are_told_apart() {
        let root = tree(&["libcublasLt.so.13"]);
        let places = places(&[("STYLECAST_CUDA_LIBS", root.path())]);
        let why = opened(&places, None).unwrap_err();
        assert_eq!(why, "libcublas.so.13 was not found");
        let mut broken = |path: &Path| -> Result<(), String> {
            if path.is_absolute() { Err("wrong ELF class".into()) } else { reading(path).map(drop) }
        };
        let why = places.open_all(None, &mut broken).unwrap_err();
        assert_eq!(why, "libcublasLt.so.13 cannot be opened (wrong ELF class)");
        // Known to the loader, and yet of no use to it.
        let mut lacking = |_: &Path| -> Result<(), String> { Err("libm.so.9: cannot open".into()) };
        let why = Places::default().open_all(None, &mut lacking).unwrap_err();
        assert_eq!(why, "libcublasLt.so.13 cannot be opened (libm.so.9: cannot open)");
        // One of several that opens is enough.
        let mut second = |path: &Path| match path.is_absolute() {
            true => Err("broken".to_owned()),
            false => Ok(path.to_owned()),
        };
        assert_eq!(places.open("libcublasLt.so.13", &mut second).unwrap().1, Path::new("libcublasLt.so.13"));
    }

    #[test]
    fn places_that_are_not_there_are_no_places() {
        let nowhere = places(&[("STYLECAST_CUDA_LIBS", Path::new("relative:/no/such/folder"))]);
        assert!(nowhere.before.is_empty());
        assert!(Places::new(|_| None).before.is_empty());
    }
}
