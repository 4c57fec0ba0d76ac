//! Audio re-encoded, for containers that cannot hold the original's codec.

use crate::ffmpeg::mux::Container;
use crate::ffmpeg::mux_codec;
use ff::codec::Id;
use ffmpeg_next as ff;

/// Decoder, resampler and encoder of one audio stream.
pub(in crate::sink) struct AudioTranscoder {
    decoder: ff::decoder::Audio,
    graph: ff::filter::Graph,
    graph_base: ff::Rational,
    encoder: ff::encoder::audio::Encoder,
}

impl AudioTranscoder {
    /// From `stream` to the audio codec that `container` prefers and this FFmpeg has.
    pub(super) fn new(
        stream: &ff::Stream<'_>,
        container: Container,
        global_header: bool,
    ) -> Result<Self, ff::Error> {
        let codec = codec_for(container, stream.parameters().id()).ok_or(ff::Error::EncoderNotFound)?;
        Self::with_codec(stream, codec, global_header, "")
    }

    /// From `stream`, whose time is a device's own, to AAC that keeps to that time: samples are added,
    /// left out or stretched where the device's count of them and its clock disagree.
    pub(in crate::sink) fn of_device(stream: &ff::Stream<'_>) -> Result<Self, ff::Error> {
        let codec = mux_codec::encoder("aac", ff::media::Type::Audio).ok_or(ff::Error::EncoderNotFound)?;
        // At most 2 % at 48 kHz: far more than clocks differ, and not heard.
        Self::with_codec(stream, codec, true, "aresample=async=1000,")
    }

    /// With filters before those that make the encoder's format, each followed by a comma.
    fn with_codec(
        stream: &ff::Stream<'_>,
        codec: ff::Codec,
        global_header: bool,
        filters: &str,
    ) -> Result<Self, ff::Error> {
        let mut decoder = ff::codec::Context::from_parameters(stream.parameters())?.decoder();
        decoder.set_packet_time_base(stream.time_base());
        let mut decoder = decoder.audio()?;
        if decoder.channel_layout().bits() == 0 {
            decoder.set_channel_layout(ff::ChannelLayout::default(i32::from(decoder.channels())));
        }

        let abilities = codec.audio()?;
        let formats: Vec<_> = abilities.formats().map(Iterator::collect).unwrap_or_default();
        let alike = formats.iter().find(|format| format.packed() == decoder.format().packed());
        let format = *alike.or(formats.first()).unwrap_or(&decoder.format());
        let wanted_rate = i32::try_from(decoder.rate()).unwrap_or(48_000);
        let rate = abilities
            .rates()
            .and_then(|rates| rates.min_by_key(|&rate| (i64::from(rate) - i64::from(wanted_rate)).abs()))
            .unwrap_or(wanted_rate);
        let channels = i32::from(decoder.channels());
        let layout = ff::ChannelLayout::default(channels);

        let mut encoder = ff::codec::Context::new_with_codec(codec).encoder().audio()?;
        encoder.set_format(format);
        encoder.set_rate(rate);
        encoder.set_channel_layout(layout);
        encoder.set_time_base((1, rate));
        // 96 kb/s a channel: beyond what listeners tell from the original with AAC or Opus.
        encoder.set_bit_rate(96_000 * usize::try_from(channels).unwrap_or(2).max(1));
        if global_header {
            encoder.set_flags(ff::codec::Flags::GLOBAL_HEADER);
        }
        let encoder = encoder.open()?;

        let samples = match encoder.frame_size() {
            0 => String::new(),
            size => format!(",asetnsamples=n={size}:p=0"),
        };
        let base = stream.time_base();
        let source = format!(
            "time_base={}/{}:sample_rate={wanted_rate}:sample_fmt={}:channel_layout=0x{:x}",
            base.numerator(),
            base.denominator(),
            decoder.format().name(),
            decoder.channel_layout().bits()
        );
        let spec = format!(
            "{filters}aformat=sample_fmts={}:sample_rates={rate}:channel_layouts=0x{:x}{samples}",
            format.name(),
            layout.bits()
        );
        let find = |name| ff::filter::find(name).ok_or(ff::Error::FilterNotFound);
        let mut graph = ff::filter::Graph::new();
        graph.add(&find("abuffer")?, "in", &source)?;
        graph.add(&find("abuffersink")?, "out", "")?;
        graph.output("in", 0)?.input("out", 0)?.parse(&spec)?;
        graph.validate()?;
        let graph_base = graph.get("out").ok_or(ff::Error::FilterNotFound)?.sink().time_base();
        Ok(Self { decoder, graph, graph_base, encoder })
    }

    /// The encoder's name of its codec, for people.
    pub(super) fn codec_name(&self) -> &'static str {
        mux_codec::codec_name(self.encoder.id())
    }

    /// What a container must know of the packets that come out.
    pub(in crate::sink) fn parameters(&self) -> ff::codec::Parameters {
        ff::codec::Parameters::from(&self.encoder)
    }

    /// The clock of the packets that come out.
    pub(in crate::sink) fn time_base(&self) -> ff::Rational {
        self.encoder.time_base()
    }

    /// Adds a stream for what comes out, and returns its index.
    pub(super) fn add_stream(&self, out: &mut ff::format::context::Output) -> Result<usize, ff::Error> {
        let mut stream = out.add_stream_with(&self.encoder)?;
        stream.set_time_base(self.encoder.time_base());
        Ok(stream.index())
    }

    /// Puts in one packet, or the end, and takes out what is ready. Damaged packets are skipped.
    pub(in crate::sink) fn transcode(
        &mut self,
        packet: Option<&ff::Packet>,
    ) -> Result<Vec<ff::Packet>, ff::Error> {
        let mut packets = Vec::new();
        let sent = match packet {
            Some(packet) => self.decoder.send_packet(packet),
            None => self.decoder.send_eof(),
        };
        if sent.is_err() && packet.is_some() {
            return Ok(packets);
        }
        let mut decoded = ff::frame::Audio::empty();
        while self.decoder.receive_frame(&mut decoded).is_ok() {
            self.source()?.source().add(&decoded)?;
            self.encode(&mut packets)?;
        }
        if packet.is_none() {
            self.source()?.source().flush()?;
            self.encode(&mut packets)?;
            self.encoder.send_eof()?;
            self.receive(&mut packets)?;
        }
        Ok(packets)
    }

    fn source(&mut self) -> Result<ff::filter::Context, ff::Error> {
        self.graph.get("in").ok_or(ff::Error::FilterNotFound)
    }

    fn encode(&mut self, packets: &mut Vec<ff::Packet>) -> Result<(), ff::Error> {
        use ff::Rescale as _;
        let mut sink = self.graph.get("out").ok_or(ff::Error::FilterNotFound)?;
        let mut frame = ff::frame::Audio::empty();
        while sink.sink().frame(&mut frame).is_ok() {
            let pts = frame.pts().map(|pts| pts.rescale(self.graph_base, self.encoder.time_base()));
            frame.set_pts(pts);
            self.encoder.send_frame(&frame)?;
            self.receive(packets)?;
        }
        Ok(())
    }

    fn receive(&mut self, packets: &mut Vec<ff::Packet>) -> Result<(), ff::Error> {
        loop {
            let mut packet = ff::Packet::empty();
            match self.encoder.receive_packet(&mut packet) {
                Ok(()) => packets.push(packet),
                Err(ff::Error::Eof | ff::Error::Other { errno: ff::error::EAGAIN }) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

/// The best encoder for audio in this container: one that loses nothing for audio that has lost nothing.
fn codec_for(container: Container, source: Id) -> Option<ff::Codec> {
    let named = |name| mux_codec::encoder(name, ff::media::Type::Audio);
    let fits = |codec: &ff::Codec| container.holds(codec.id()) == Some(true);
    let lossless = mux_codec::is_lossless(source).then(|| named("alac")).flatten().filter(fits);
    let preferred = match container.name() {
        "webm" => named("libopus").filter(fits).or_else(|| named("libvorbis")),
        "mp4" | "mov" | "matroska" => named("aac").filter(fits),
        _ => None,
    };
    let id = container.default_codec(ff::media::Type::Audio);
    lossless
        .or(preferred)
        .or_else(|| ff::encoder::find(id).filter(|found| found.id() != Id::None && found.is_audio()))
}
