//! Weights come from the hub whole or not at all, and a broken transfer goes on where it stopped.
//!
//! The hub is a small server that speaks the paths and headers of huggingface.co: `resolve` answers
//! with a redirect that names commit, checksum and size, and the place it points to sends ranges.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stylecast::error::ErrorKind;
use stylecast::models::Hub;
use stylecast::vgg::Model;

/// What goes wrong at the server.
#[derive(Clone, Copy)]
enum Fault {
    None,
    /// Closes the connection after so many bytes of the file, so many times.
    Breaks {
        after: usize,
        times: usize,
    },
    /// Sends other bytes than its checksum says.
    OtherBytes,
    /// Sends the whole file whatever range is asked for.
    IgnoresRanges,
    /// Names a checksum that is none, as for files outside of the large file storage.
    ShortChecksum,
}

struct Server {
    endpoint: String,
    content: Vec<u8>,
    /// The first byte of every range asked for, without the single bytes that ask for the size.
    starts: Arc<Mutex<Vec<usize>>>,
}

impl Server {
    fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let content: Vec<u8> =
            (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let starts = Arc::new(Mutex::new(Vec::new()));
        let server =
            Self { endpoint: endpoint.clone(), content: content.clone(), starts: Arc::clone(&starts) };
        let broken = AtomicUsize::new(0);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that went away is no concern of the server.
                let _ = answer(stream.unwrap(), &endpoint, &content, fault, &broken, &starts);
            }
        });
        server
    }

    fn sha256(&self) -> String {
        Sha256::digest(&self.content).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn hub(&self, folder: &Path) -> Hub {
        Hub::new(&self.endpoint, folder.to_owned()).with_attempts(1, Duration::ZERO)
    }

    fn starts(&self) -> Vec<usize> {
        self.starts.lock().unwrap().clone()
    }
}

fn answer(
    stream: TcpStream,
    endpoint: &str,
    content: &[u8],
    fault: Fault,
    broken: &AtomicUsize,
    starts: &Mutex<Vec<usize>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut range = None;
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        range = line.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_owned).or(range);
    }
    let mut stream = stream;
    let path = request.split(' ').nth(1).unwrap_or_default();
    if path == "/timm/vgg19.tv_in1k/resolve/main/model.safetensors" {
        let sha256: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        let etag = if matches!(fault, Fault::ShortChecksum) { &sha256[..40] } else { &sha256 };
        let size = content.len();
        return write!(
            stream,
            "HTTP/1.1 302 Found\r\nX-Repo-Commit: 0123456789abcdef0123456789abcdef01234567\r\n\
             X-Linked-Etag: \"{etag}\"\r\nX-Linked-Size: {size}\r\nLocation: {endpoint}/cdn/{sha256}\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    if !path.starts_with("/cdn/") {
        return write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let range = range.unwrap_or_else(|| "0-".to_owned());
    let (first, last) = range.split_once('-').unwrap();
    let first: usize = first.parse().unwrap();
    if first >= content.len() {
        return write!(
            stream,
            "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    let asks_for_size = last == "0";
    let end = if asks_for_size { 1 } else { content.len() };
    let start = if matches!(fault, Fault::IgnoresRanges) && !asks_for_size { 0 } else { first };
    if !asks_for_size {
        starts.lock().unwrap().push(first);
    }
    let mut body = content[start..end].to_vec();
    if matches!(fault, Fault::OtherBytes) {
        body.iter_mut().for_each(|byte| *byte ^= 1);
    }
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {start}-{}/{}\r\nConnection: close\r\n\r\n",
        body.len(),
        end - 1,
        content.len()
    )?;
    if let Fault::Breaks { after, times } = fault
        && !asks_for_size
        && broken.fetch_add(1, Ordering::SeqCst) < times
    {
        body.truncate(after);
    }
    stream.write_all(&body)
}

/// Names of everything in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_pull_brings_the_file_once() {
    let server = Server::start(Fault::None);
    let folder = tempfile::tempdir().unwrap();
    let mut heard = Vec::new();
    let pulled =
        server.hub(folder.path()).pull(Model::Vgg19, |done, total| heard.push((done, total))).unwrap();
    assert!(pulled.fetched);
    assert_eq!(std::fs::read(&pulled.path).unwrap(), server.content);
    assert_eq!((pulled.sha256, pulled.bytes), (server.sha256(), 300_000));
    assert_eq!(heard.last(), Some(&(300_000, 300_000)));
    assert_eq!(pulled.path, folder.path().join("vgg19.safetensors"));

    let again = server.hub(folder.path()).pull(Model::Vgg19, |_, _| ()).unwrap();
    assert!(!again.fetched);
    assert_eq!(server.starts(), [0], "fetched once");
}

#[test]
fn a_file_that_changed_since_is_fetched_again() {
    let server = Server::start(Fault::None);
    let folder = tempfile::tempdir().unwrap();
    let pulled = server.hub(folder.path()).pull(Model::Vgg19, |_, _| ()).unwrap();
    let mut bytes = server.content.clone();
    bytes[1000] ^= 1;
    std::fs::write(&pulled.path, bytes).unwrap();
    assert!(server.hub(folder.path()).pull(Model::Vgg19, |_, _| ()).unwrap().fetched);
    assert_eq!(std::fs::read(&pulled.path).unwrap(), server.content);
}

#[test]
fn a_broken_transfer_goes_on_with_the_next_pull() {
    let server = Server::start(Fault::Breaks { after: 100_000, times: 1 });
    let folder = tempfile::tempdir().unwrap();
    let error = server.hub(folder.path()).pull(Model::Vgg19, |_, _| ()).unwrap_err();
    assert!(error.to_string().contains("broke off"), "{error}");
    assert!(error.next_step().unwrap().contains("goes on where it stopped"));
    assert_eq!(names(folder.path()), ["incomplete"], "nothing under the final name");

    let mut first_heard = None;
    let pulled = server
        .hub(folder.path())
        .pull(Model::Vgg19, |done, _| {
            first_heard.get_or_insert(done);
        })
        .unwrap();
    assert_eq!(std::fs::read(&pulled.path).unwrap(), server.content);
    assert_eq!(server.starts(), [0, 100_000]);
    assert_eq!(first_heard, Some(100_000), "what is here already counts");
}

#[test]
fn a_transfer_that_breaks_often_is_taken_up_within_one_pull() {
    let server = Server::start(Fault::Breaks { after: 100_000, times: 2 });
    let folder = tempfile::tempdir().unwrap();
    let hub = server.hub(folder.path()).with_attempts(3, Duration::ZERO);
    assert_eq!(hub.pull(Model::Vgg19, |_, _| ()).unwrap().bytes, 300_000);
    assert_eq!(server.starts(), [0, 100_000, 200_000]);
}

#[test]
fn a_part_that_is_complete_already_only_gets_its_name() {
    let server = Server::start(Fault::None);
    let folder = tempfile::tempdir().unwrap();
    let blobs = folder.path().join("incomplete/models--timm--vgg19.tv_in1k/blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join(format!("{}.part", server.sha256())), &server.content).unwrap();
    let pulled = server.hub(folder.path()).pull(Model::Vgg19, |_, _| ()).unwrap();
    assert_eq!(std::fs::read(&pulled.path).unwrap(), server.content);
    assert!(server.starts().is_empty(), "nothing was sent");
}

#[test]
fn a_part_of_something_else_is_noticed_and_dropped() {
    let server = Server::start(Fault::None);
    let folder = tempfile::tempdir().unwrap();
    let blobs = folder.path().join("incomplete/models--timm--vgg19.tv_in1k/blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join(format!("{}.part", server.sha256())), vec![7; 5000]).unwrap();
    let hub = server.hub(folder.path()).with_attempts(2, Duration::ZERO);
    assert_eq!(hub.pull(Model::Vgg19, |_, _| ()).unwrap().sha256, server.sha256());
    assert_eq!(server.starts(), [5000, 0]);
}

#[test]
fn other_bytes_than_the_checksum_says_are_refused() {
    for (fault, breaks_first) in [(Fault::OtherBytes, false), (Fault::IgnoresRanges, true)] {
        let server = Server::start(fault);
        let folder = tempfile::tempdir().unwrap();
        if breaks_first {
            let blobs = folder.path().join("incomplete/models--timm--vgg19.tv_in1k/blobs");
            std::fs::create_dir_all(&blobs).unwrap();
            std::fs::write(blobs.join(format!("{}.part", server.sha256())), &server.content[..5000]).unwrap();
        }
        let error = server.hub(folder.path()).pull(Model::Vgg19, |_, _| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model);
        assert!(error.to_string().contains("is not what it should be"), "{error}");
        assert_eq!(names(folder.path()), ["incomplete"]);
        assert_eq!(names(&folder.path().join("incomplete")), [""; 0], "nothing wrong is kept");
    }
}

#[test]
fn without_a_checksum_nothing_is_trusted() {
    let server = Server::start(Fault::ShortChecksum);
    let folder = tempfile::tempdir().unwrap();
    let error = server.hub(folder.path()).pull(Model::Vgg19, |_, _| ()).unwrap_err();
    assert!(error.to_string().contains("names no checksum"), "{error}");
    assert!(!folder.path().join("vgg19.safetensors").exists());
}

#[test]
fn a_hub_without_the_file_and_no_hub_at_all() {
    let server = Server::start(Fault::None);
    let folder = tempfile::tempdir().unwrap();
    let error = server.hub(folder.path()).pull(Model::Vgg16, |_, _| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model);
    assert!(
        error.to_string().contains("timm/vgg16.tv_in1k") && error.to_string().contains("has no"),
        "{error}"
    );

    // A port that nobody listens on any more.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for endpoint in [format!("http://{closed}"), "not a url".to_owned()] {
        let error = Hub::new(&endpoint, folder.path().to_owned()).pull(Model::Vgg19, |_, _| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model);
        assert!(error.to_string().contains("cannot be reached"), "{error}");
        assert!(error.next_step().unwrap().contains("HF_ENDPOINT"));
    }
}

#[test]
fn a_folder_that_cannot_be_made() {
    let server = Server::start(Fault::None);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = server.hub(&file.join("cache")).pull(Model::Vgg19, |_, _| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Output);
    assert!(error.to_string().contains("cannot keep the weights"), "{error}");
}

// The cache's place is the environment's on Linux only.
#[test]
#[cfg(target_os = "linux")]
fn the_command_fetches_from_the_hub_that_the_environment_names() {
    let server = Server::start(Fault::None);
    let home = tempfile::tempdir().unwrap();
    let pull = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stylecast"));
        command.args(["models", "pull", "vgg19"]);
        command.env("HF_ENDPOINT", &server.endpoint).env("XDG_CACHE_HOME", home.path());
        for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(pull().contains("vgg19 is fetched"));
    let kept = std::fs::read(home.path().join("stylecast/models/vgg19.safetensors")).unwrap();
    assert_eq!(kept, server.content);
    assert!(pull().contains("vgg19 is here already"));
    assert_eq!(server.starts(), [0]);
}
