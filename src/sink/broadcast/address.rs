//! Where a stream goes: what an address means, and what is wrong with it, known before anything is
//! painted.
//!
//! Addresses of streams often carry a secret (the stream key of RTMP, the passphrase of SRT). What is
//! shown of them to people ends before it.

use crate::error::{Error, Result};
use crate::ffmpeg::live;
use crate::ffmpeg::mux::Container;
use crate::sink::place::{cannot_write, folder_of};
use std::ffi::{CStr, CString};
use std::path::Path;

/// The protocols that streams are known to work over, and the container that each carries.
const PROTOCOLS: &[(&str, &str)] = &[
    ("rtmp", "flv"),
    ("rtmps", "flv"),
    ("rtmpt", "flv"),
    ("rtmpe", "flv"),
    ("srt", "mpegts"),
    ("udp", "mpegts"),
    ("tcp", "mpegts"),
    ("rist", "mpegts"),
    ("rtsp", "rtsp"),
];

/// The first line of every playlist of HLS (RFC 8216, 4.3.1.1).
const PLAYLIST: &[u8] = b"#EXTM3U";

/// An address that a stream can be sent to.
#[derive(Clone)]
pub struct Address {
    url: CString,
    container: Container,
    protocol: &'static str,
    shown: String,
}

impl Address {
    /// Reads `rtmp://…`, `srt://…`, `udp://…`, `tcp://…`, `rist://…`, `rtsp://…`, or the path of an HLS
    /// playlist, which ends in `.m3u8` and lies in a folder that exists.
    ///
    /// # Errors
    /// [`Error::usage`] for what is no such address; [`Error::output`] where this FFmpeg lacks the protocol,
    /// or the playlist cannot be written.
    pub fn parse(text: &str) -> Result<Self> {
        crate::ffmpeg::init();
        match text.split_once("://") {
            Some((scheme, rest)) => Self::of_network(text, &scheme.to_ascii_lowercase(), rest),
            None if Path::new(text).extension().is_some_and(|e| e.eq_ignore_ascii_case("m3u8")) => {
                Self::of_playlist(Path::new(text))
            }
            None => Err(Error::usage(format!("cannot stream to {text}: it is no address")).hint(
                "write rtmp://server/app/key, srt://server:port, udp://server:port, or a playlist that ends \
                 in .m3u8",
            )),
        }
    }

    fn of_network(text: &str, scheme: &str, rest: &str) -> Result<Self> {
        let known = PROTOCOLS.iter().find(|(name, _)| *name == scheme);
        let Some(&(protocol, container)) = known else {
            return Err(Error::usage(format!(
                "cannot stream over '{scheme}': it is no protocol for streams"
            ))
            .hint(format!("{}, or a playlist that ends in .m3u8", works().join(", "))));
        };
        let container = Container::by_name(container).filter(|_| has(protocol)).ok_or_else(|| {
            Error::output(format!("cannot stream over {protocol}: this FFmpeg was built without it"))
                .hint(format!("these work: {}, or a playlist that ends in .m3u8", works().join(", ")))
        })?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let host = authority.rsplit('@').next().unwrap_or_default();
        let (name, port) = split_port(host);
        let shown = shown(protocol, host, path);
        let listens = rest.contains("listen");
        if name.is_empty() && !listens {
            return Err(Error::usage(format!("cannot stream to {shown}: it names no server"))
                .hint(format!("write {protocol}://server{}", example(protocol))));
        }
        // RTMP and RTSP have usual ports.
        let needs_port = container.name() == "mpegts";
        if port.map_or(needs_port, |port| port.parse::<u16>().is_err()) {
            let cause = if port.is_some() { "has a port that is none" } else { "has no port" };
            return Err(Error::usage(format!("cannot stream to {shown}: the address {cause}"))
                .hint(format!("write {protocol}://{name}{}", example(protocol))));
        }
        Ok(Self { url: without_zero(text)?, container, protocol, shown })
    }

    fn of_playlist(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        let cannot = |cause: &str| Error::output(format!("cannot write {shown}: {cause}"));
        let folder = folder_of(path);
        if !folder.is_dir() {
            let named = folder.display();
            return Err(if folder.exists() {
                cannot(&format!("{named} is not a folder"))
            } else {
                cannot(&format!("{named} does not exist")).hint(format!("mkdir -p '{named}'"))
            });
        }
        if path.is_dir() {
            return Err(cannot("it is a folder").hint("name the playlist in it, for example index.m3u8"));
        }
        // The playlist of an earlier stream is replaced; anything else is somebody's file.
        if path.symlink_metadata().is_ok() {
            let text = std::fs::read(path).map_err(|error| cannot_write(path, &error))?;
            if !text.starts_with(PLAYLIST) {
                return Err(cannot("there is a file that is no playlist").hint("give another name"));
            }
        }
        tempfile::tempfile_in(folder).map_err(|error| cannot_write(path, &error))?;
        let container = Container::by_name("hls").ok_or_else(|| {
            Error::output("cannot write playlists: this FFmpeg was built without HLS")
                .hint(format!("these work: {}", works().join(", ")))
        })?;
        // Not "file:…": FFmpeg removes old segments by the plain path, and would not find them. With a
        // dot in front, a colon in a relative name is taken for no protocol.
        let plain = if path.is_absolute() { path.to_owned() } else { Path::new(".").join(path) };
        let url = CString::new(plain.as_os_str().as_encoded_bytes())
            .map_err(|_| cannot("its name contains a zero byte"))?;
        Ok(Self { url, container, protocol: "hls", shown })
    }

    /// What may be shown of it: no stream key, no password, nothing behind a question mark.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// For FFmpeg.
    pub(super) fn url(&self) -> &CStr {
        &self.url
    }

    /// What carries the packets there.
    pub(super) fn container(&self) -> Container {
        self.container
    }

    /// Settings for the protocol. Whatever the address says itself has precedence in FFmpeg.
    pub(super) fn protocol_settings(&self) -> &'static [(&'static str, &'static str)] {
        match self.protocol {
            // Seven packets of a transport stream: what fits into a frame of Ethernet.
            "udp" => &[("pkt_size", "1316")],
            "tcp" => &[("tcp_nodelay", "1")],
            // FFmpeg trusts anybody by default, and the address has the key of the stream in it.
            "rtmps" => &[("tls_verify", "1")],
            _ => &[],
        }
    }

    /// Settings for the muxer.
    pub(super) fn muxer_settings(&self) -> &'static [(&'static str, &'static str)] {
        match self.container.name() {
            // There is no way back to complete the header.
            "flv" => &[("flvflags", "no_duration_filesize")],
            // Segments of a second, from a key frame on; players wait for three of them.
            "hls" => &[
                ("hls_time", "1"),
                ("hls_list_size", "8"),
                ("hls_delete_threshold", "2"),
                ("hls_flags", "delete_segments+independent_segments+program_date_time+temp_file"),
            ],
            "rtsp" => &[("rtsp_transport", "tcp")],
            _ => &[],
        }
    }

    /// Whether the connection is encrypted, to a server that has to prove who it is.
    pub(super) fn is_secure(&self) -> bool {
        self.protocol == "rtmps"
    }

    /// Whether others on the network take the stream, who may come and go.
    pub(super) fn is_remote(&self) -> bool {
        self.protocol != "hls"
    }
}

impl std::fmt::Debug for Address {
    /// Without what must not be shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({})", self.shown)
    }
}

impl std::str::FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

fn has(protocol: &str) -> bool {
    // RTSP is no protocol of FFmpeg's but a muxer that speaks TCP itself.
    let protocol = if protocol == "rtsp" { "tcp" } else { protocol };
    live::output_protocols().contains(&protocol)
}

/// The known protocols that this FFmpeg has, as addresses begin.
fn works() -> Vec<String> {
    PROTOCOLS.iter().filter(|(name, _)| has(name)).map(|(name, _)| format!("{name}://")).collect()
}

fn example(protocol: &str) -> &'static str {
    match protocol {
        "rtsp" => "/name",
        _ if protocol.starts_with("rtmp") => "/app/key",
        _ => ":9000",
    }
}

/// `server:9000` and `[::1]:9000` in two.
fn split_port(host: &str) -> (&str, Option<&str>) {
    let after_brackets = host.rfind(']').map_or(0, |at| at + 1);
    match host[after_brackets..].rfind(':') {
        Some(at) => (&host[..after_brackets + at], Some(&host[after_brackets + at + 1..])),
        None => (host, None),
    }
}

fn shown(protocol: &str, host: &str, path: &str) -> String {
    let path = &path[..path.find('?').unwrap_or(path.len())];
    // The last part is the key.
    let public = path.trim_end_matches('/').rfind('/').map_or("", |at| &path[..at]);
    let dots = if path.trim_matches('/').is_empty() { "" } else { "/…" };
    format!("{protocol}://{host}{public}{dots}")
}

fn without_zero(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::usage("cannot stream to an address that contains a zero byte"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn refused(text: &str) -> (String, String) {
        let error = Address::parse(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        (error.to_string(), error.next_step().unwrap_or_default().to_owned())
    }

    #[test]
    fn secrets_are_not_shown() {
        for (text, shown) in [
            ("rtmp://me:pass@live.example/app/sk_123", "rtmp://live.example/app/…"),
            ("rtmp://live.example/app/sk_123?auth=x", "rtmp://live.example/app/…"),
            ("rtmp://live.example:1936/app", "rtmp://live.example:1936/…"),
            ("udp://127.0.0.1:9000?pkt_size=1316", "udp://127.0.0.1:9000"),
            ("tcp://[::1]:9000", "tcp://[::1]:9000"),
            ("RTMP://a/b/c/", "rtmp://a/b/…"),
            ("rtmps://live.example/app/sk_123", "rtmps://live.example/app/…"),
            ("srt://live.example:9000?passphrase=sk_123", "srt://live.example:9000"),
        ] {
            let protocol = text.split(':').next().unwrap().to_ascii_lowercase();
            if !live::output_protocols().contains(&protocol.as_str()) {
                continue;
            }
            let address = Address::parse(text).unwrap();
            assert_eq!(address.shown(), shown);
            assert!(!format!("{address:?}").contains("123"));
        }
    }

    #[test]
    fn each_protocol_has_the_container_that_it_carries() {
        for (text, container) in [
            ("rtmp://live.example/app/key", "flv"),
            ("rtmps://live.example/app/key", "flv"),
            ("srt://live.example:9000", "mpegts"),
            ("rist://live.example:9000", "mpegts"),
            ("udp://live.example:9000", "mpegts"),
            ("tcp://live.example:9000", "mpegts"),
            ("rtsp://live.example/name", "rtsp"),
        ] {
            let protocol = text.split(':').next().unwrap();
            if !has(protocol) {
                let error = Address::parse(text).unwrap_err();
                assert!(error.to_string().contains("built without it"), "{error}");
                continue;
            }
            let address = Address::parse(text).unwrap();
            assert_eq!((address.container().name(), address.is_secure()), (container, protocol == "rtmps"));
            assert!(!address.is_secure() || address.protocol_settings() == [("tls_verify", "1")]);
        }
        if has("rist") {
            let (error, hint) = refused("rist://live.example");
            assert!(error.contains("no port") && hint.contains("rist://live.example:9000"), "{error} {hint}");
        }
    }

    #[test]
    fn what_cannot_be_an_address_is_refused_with_what_can() {
        let (error, hint) = refused("smtp://mail.example:25");
        assert!(error.contains("'smtp'") && hint.contains("udp://"), "{error} {hint}");
        assert!(refused("evening.mkv").1.contains(".m3u8"));
        assert!(refused("udp://127.0.0.1").0.contains("no port"));
        assert!(refused("udp://127.0.0.1:99999").0.contains("a port that is none"));
        assert!(refused("tcp://127.0.0.1:x").0.contains("a port that is none"));
        assert!(refused("udp://:9000").0.contains("no server"));
        assert!(refused("rtmp:///app/key").1.contains("rtmp://server/app/key"));
        assert!(refused("udp://a\0b:1").0.contains("zero byte"));
        assert!(Address::parse("tcp://0.0.0.0:9000?listen=1").is_ok());
    }

    #[test]
    fn playlists_need_a_folder_and_replace_only_playlists() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let error = Address::parse(&at("none/index.m3u8")).unwrap_err();
        assert!(error.next_step().unwrap().contains("mkdir -p"), "{error}");
        assert_eq!(Address::parse(&at("index.m3u8")).unwrap().container().name(), "hls");
        std::fs::write(at("index.m3u8"), "#EXTM3U\n").unwrap();
        assert!(Address::parse(&at("index.m3u8")).is_ok());
        std::fs::write(at("index.m3u8"), "dear diary").unwrap();
        assert!(Address::parse(&at("index.m3u8")).unwrap_err().to_string().contains("no playlist"));
        assert!(!Address::parse(&at("diary.m3u8")).unwrap().is_remote());
    }
}
