"""Plays flashes and clicks that belong together to `stylecast live`, and measures how far they are apart in
what it records. Called by scripts/test-microphone, which makes a microphone of a PulseAudio null sink.

The film is sent over TCP frame by frame as its frames are due; the clicks are played through libpulse, which
tells when each sample is heard. Both truths are written down, so that what a busy machine does to this
script is not charged to the program.
"""
import array, bisect, ctypes, math, random, socket, statistics, subprocess, sys, threading, time

FPS, WIDTH, HEIGHT = 25, 64, 36
RATE = 48000
# A flash fades frame by frame, so that a frame that was dropped is not taken for a late one.
FLASH = [235, 200, 165, 130]
DARK = 16
CLICK_SECONDS = 0.02
# What is asked for: sound and picture within this.
LIMIT_MS = 40
PROGRAM, FOLDER, DEVICE, SECONDS = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])


class Attributes(ctypes.Structure):
    """pa_buffer_attr"""
    _fields_ = [(name, ctypes.c_uint32) for name in ("maxlength", "tlength", "prebuf", "minreq", "fragsize")]


class Sample(ctypes.Structure):
    """pa_sample_spec; format 3 is 16 bits, little-endian"""
    _fields_ = [("format", ctypes.c_int), ("rate", ctypes.c_uint32), ("channels", ctypes.c_uint8)]


class Speaker:
    """A stream to the null sink whose every sample has a time at which it is heard."""

    def __init__(self, sink):
        self.pulse = ctypes.CDLL("libpulse-simple.so.0")
        self.pulse.pa_simple_new.restype = ctypes.c_void_p
        self.pulse.pa_simple_get_latency.restype = ctypes.c_uint64
        none = 0xFFFFFFFF
        attributes = Attributes(none, int(0.04 * RATE) * 2, 0, none, none)
        error = ctypes.c_int()
        self.stream = self.pulse.pa_simple_new(
            None, b"clicks", 1, sink.encode(), b"clicks", ctypes.byref(Sample(3, RATE, 1)), None,
            ctypes.byref(attributes), ctypes.byref(error))
        if not self.stream:
            sys.exit(f"cannot play to {sink}: error {error.value}")
        self.written, self.starts = 0, []

    def next_heard_at(self):
        """When the next sample that is written will be heard."""
        latency = self.pulse.pa_simple_get_latency(ctypes.c_void_p(self.stream), None) / 1e6
        self.starts.append(time.monotonic() + latency - self.written / RATE)
        # The sink's clock is the system's: what varies is the asking.
        return statistics.median(self.starts[-200:]) + self.written / RATE

    def write(self, samples):
        data = samples.tobytes()
        self.pulse.pa_simple_write(ctypes.c_void_p(self.stream), data, ctypes.c_size_t(len(data)), None)
        self.written += len(samples)


def play_clicks(sink, flashes, heard, done):
    speaker, chunk = Speaker(sink), RATE // 100
    click = [int(20000 * math.sin(2 * math.pi * 1000 * n / RATE)) for n in range(int(CLICK_SECONDS * RATE))]
    at, waiting = 0, []
    while not done.is_set():
        begins = speaker.next_heard_at()
        samples = array.array("h", bytes(2 * chunk))
        if not waiting and at < len(flashes) and flashes[at] < begins + chunk / RATE:
            offset = max(round((flashes[at] - begins) * RATE), 0)
            heard.append(begins + offset / RATE)
            waiting, at = [0] * offset + click, at + 1
        for place in range(min(chunk, len(waiting))):
            samples[place] = waiting[place]
        waiting = waiting[chunk:]
        speaker.write(samples)


def send_film(connection, began, flashes, seen, done):
    """The times at which each frame of each flash was sent go into `seen`."""
    pictures = {
        level: b"FRAME\n" + bytes([level]) * (WIDTH * HEIGHT) + bytes([128]) * (WIDTH * HEIGHT // 2)
        for level in FLASH + [DARK]
    }
    frames = [round((flash - began) * FPS) for flash in flashes]
    try:
        connection.sendall(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        number = 0
        while not done.is_set():
            time.sleep(max(began + number / FPS - time.monotonic(), 0))
            flash = bisect.bisect_right(frames, number) - 1
            stage = number - frames[flash] if flash >= 0 else len(FLASH)
            level = FLASH[stage] if stage < len(FLASH) else DARK
            if stage < len(FLASH):
                seen.setdefault(flash, {})[level] = time.monotonic()
            connection.sendall(pictures[level])
            number += 1
    except OSError:
        pass  # the program has what it wanted


def recorded_flashes(path):
    """Time and level of the first frame of each flash that was recorded."""
    asked = ["-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0"]
    lines = subprocess.run(["ffprobe", "-v", "error", *asked, path], capture_output=True, text=True, check=True)
    times = [float(line.strip(",")) for line in lines.stdout.split()]
    levels = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", path, "-map", "0:v", "-vf", "format=gray,scale=2:2:flags=area",
         "-fps_mode", "passthrough", "-f", "rawvideo", "-"], capture_output=True, check=True).stdout[::4]
    assert len(times) == len(levels), (len(times), len(levels))
    flashes, was_dark = [], True
    for at, level in zip(times, levels):
        # 8 bits of full range were made of the 219 of limited range, and scaling rounds.
        nearest = min(FLASH + [DARK], key=lambda known: abs((known - 16) * 255 / 219 - level))
        if nearest != DARK and was_dark:
            flashes.append((at, nearest))
        was_dark = nearest == DARK
    return flashes


def recorded_clicks(path):
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", path, "-map", "0:a", "-af", "aresample=async=1:first_pts=0",
         "-ac", "1", "-ar", str(RATE), "-f", "s16le", "-"], capture_output=True, check=True).stdout
    samples = array.array("h", raw)
    loud = max(max(samples), -min(samples)) / 3
    clicks, last = [], -RATE
    for place, value in enumerate(samples):
        if value > loud or value < -loud:
            if place - last > RATE // 4:
                clicks.append(place / RATE)
            last = place
    return clicks


def main():
    record = f"{FOLDER}/record.mkv"
    server = socket.create_server(("127.0.0.1", 0))
    command = [
        PROGRAM, "live", "--no-window", "--json", "--iterations", "0", "--duration", str(SECONDS),
        "--input", f"tcp://127.0.0.1:{server.getsockname()[1]}", "--audio", f"pulse:{DEVICE}.monitor",
        "--record", record]
    with open(f"{FOLDER}/live.json", "w") as told, open(f"{FOLDER}/live.err", "w") as said:
        program = subprocess.Popen(command, stdout=told, stderr=said)
    server.settimeout(20)
    connection, _ = server.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    began = time.monotonic()
    chance, at, flashes = random.Random(7), 4.0, []
    while at < SECONDS + 30:
        # On the grid of the frames, at gaps that cannot be mistaken for one another.
        flashes.append(began + round(at * FPS) / FPS)
        at += chance.uniform(1.3, 2.6)
    seen, heard, done = {}, [], threading.Event()
    threads = [
        threading.Thread(target=send_film, args=(connection, began, flashes, seen, done)),
        threading.Thread(target=play_clicks, args=(DEVICE, flashes, heard, done)),
    ]
    for thread in threads:
        thread.start()
    code = program.wait()
    done.set()
    for thread in threads:
        thread.join()
    if code != 0:
        sys.exit(f"stylecast ended with {code}: {open(f'{FOLDER}/live.err').read()}")
    judge(record, flashes, seen, heard)


def judge(record, flashes, seen, heard):
    shown, clicks = recorded_flashes(record), recorded_clicks(record)
    gaps = [later - earlier for earlier, later in zip(flashes, flashes[1:])]
    # Which of the flashes was the first to be recorded: the one from which on the gaps agree best.
    found = [later[0] - earlier[0] for earlier, later in zip(shown, shown[1:])][:20]
    misfit = lambda first: sum(abs(a - b) for a, b in zip(found, gaps[first:]))
    first = min(range(len(gaps) - len(found)), key=misfit)
    offsets, zero = [], shown[0][0] - flashes[first]
    for at, level in shown:
        number = min(range(len(flashes)), key=lambda number: abs(flashes[number] + zero - at))
        near = [click for click in clicks if abs(click - at) < 0.6]
        if len(near) == 1 and level in seen.get(number, {}) and number < len(heard):
            truth = heard[number] - seen[number][level]
            offsets.append((at, 1000 * (near[0] - at - truth)))
    print(f"{len(shown)} flashes and {len(clicks)} clicks recorded, {len(offsets)} pairs")
    if len(offsets) < 0.9 * len(shown) or len(offsets) < 3:
        sys.exit("too few pairs: sound or pictures are missing")
    for minute in range(int(offsets[-1][0] // 60) + 1):
        part = [offset for at, offset in offsets if at // 60 == minute]
        if part:
            print(f"minute {minute + 1}: sound {statistics.median(part):+6.1f} ms late, from {min(part):+.1f} to {max(part):+.1f}")
    worst = max((abs(offset), at) for at, offset in offsets)
    print(f"worst: {worst[0]:.1f} ms at {worst[1]:.1f} s")
    if worst[0] > LIMIT_MS:
        sys.exit(f"sound and picture are more than {LIMIT_MS} ms apart")


main()
