#!/usr/bin/python3
"""An RTSP camera that shares no code with VAS: GStreamer's RTSP server (gst-rtsp-server).

Serves rtsp://127.0.0.1:PORT/cam, one encoder for all clients, and prints "READY PORT" once it does.
It ends when its standard input closes, so that it never outlives the test that started it.
"""

import argparse
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

NO_TIME = Gst.CLOCK_TIME_NONE


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="TCP port of RTSP; 0 takes a free one")
    parser.add_argument("--video", choices=["main", "high", "h265", "file", "none"], default="main")
    parser.add_argument("--file", help="MP4 with H.264, replayed in a loop (--video file)")
    parser.add_argument("--audio", choices=["none", "aac", "pcmu", "pcma", "g722"], default="none")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--gop", type=int, default=25, help="frames from keyframe to keyframe")
    parser.add_argument("--bframes", type=int, default=0)
    parser.add_argument("--bpyramid", action="store_true", help="B pictures are references, too")
    parser.add_argument("--kbps", type=int, default=800)
    parser.add_argument("--auth", choices=["none", "basic", "digest"], default="none")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--transport", choices=["tcp", "udp", "any"], default="any")
    return parser.parse_args()


def x264(args):
    # Without `zerolatency` x264 looks ahead, which B pictures need; either way its speed suits small machines.
    reorder = "tune=zerolatency"
    if args.bframes:
        reorder = f"bframes={args.bframes} b-adapt=false b-pyramid={args.bpyramid} rc-lookahead=5"
    high = "dct8x8=true" if args.video == "high" else "dct8x8=false"
    return (
        f"x264enc speed-preset=superfast threads=1 {reorder} {high} bitrate={args.kbps} "
        f"key-int-max={args.gop} option-string=scenecut=0:keyint-min={args.gop} "
        f"! video/x-h264,profile={args.video} ! rtph264pay name=pay0 pt=96 config-interval=-1"
    )


def x265(args):
    return (
        f"x265enc speed-preset=ultrafast tune=zerolatency bitrate={args.kbps} key-int-max={args.gop} "
        f"option-string=scenecut=0:min-keyint={args.gop}:pools=1 "
        "! h265parse ! rtph265pay name=pay0 pt=96 config-interval=-1"
    )


def video(args):
    if args.video == "none":
        return ""
    if args.video == "file":
        return "appsrc name=loop is-live=true format=time max-bytes=1 ! h264parse ! rtph264pay name=pay0 pt=96"
    picture = f"video/x-raw,format=I420,width={args.width},height={args.height},framerate={args.fps}/1"
    source = f"videotestsrc is-live=true pattern=ball ! {picture}"
    return f"{source} ! {x265(args) if args.video == 'h265' else x264(args)}"


def audio(args):
    payloader = "pay0" if args.video == "none" else "pay1"
    source = "audiotestsrc is-live=true wave=ticks ! audioconvert ! audioresample"
    if args.audio == "aac":
        return (
            f"{source} ! audio/x-raw,rate=48000,channels=2 ! avenc_aac bitrate=64000 "
            f"! aacparse ! rtpmp4gpay name={payloader} pt=97"
        )
    if args.audio == "pcmu":
        return f"{source} ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name={payloader} pt=0"
    if args.audio == "pcma":
        return f"{source} ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name={payloader} pt=8"
    if args.audio == "g722":
        return f"{source} ! audio/x-raw,rate=16000,channels=1 ! avenc_g722 ! rtpg722pay name={payloader} pt=9"
    return ""


class Loop:
    """The access units of a file, pushed into an appsrc for ever with timestamps that keep rising."""

    def __init__(self, path):
        self.caps, self.units = self.read(path)
        if not self.units:
            sys.exit(f"{path} holds no H.264")
        self.first = min(pts for _, pts, _, _ in self.units)
        self.length = max(pts + duration for _, pts, _, duration in self.units) - self.first

    @staticmethod
    def read(path):
        # qtdemux gives avcC samples; parsed to a byte stream each keyframe carries its parameter sets.
        pipeline = Gst.parse_launch(
            "filesrc name=file ! qtdemux ! h264parse config-interval=-1 "
            "! video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=out sync=false"
        )
        pipeline.get_by_name("file").set_property("location", path)
        sink = pipeline.get_by_name("out")
        pipeline.set_state(Gst.State.PLAYING)
        caps, units = None, []
        while (sample := sink.emit("pull-sample")) is not None:
            caps, unit = sample.get_caps(), sample.get_buffer()
            units.append((unit.extract_dup(0, unit.get_size()), unit.pts, unit.dts, unit.duration))
        pipeline.set_state(Gst.State.NULL)
        return caps, units

    def feed(self, source):
        source.set_property("caps", self.caps)
        position = [0]

        def need_data(source, _bytes):
            rounds, index = divmod(position[0], len(self.units))
            position[0] += 1
            data, pts, dts, duration = self.units[index]
            shift = rounds * self.length - self.first
            # A buffer of its own each time: the ones pushed before may still be on their way.
            unit = Gst.Buffer.new_wrapped(data)
            unit.pts, unit.duration = pts + shift, duration
            unit.dts = unit.pts if dts == NO_TIME else max(dts + shift, 0)
            source.emit("push-buffer", unit)

        source.connect("need-data", need_data)


def factory(args):
    result = GstRtspServer.RTSPMediaFactory()
    result.set_launch(f"( {video(args)} {audio(args)} )")
    result.set_shared(True)
    # A client that vanished without TEARDOWN must not keep the encoder running for a minute.
    result.set_latency(0)
    transports = {
        "tcp": GstRtsp.RTSPLowerTrans.TCP,
        "udp": GstRtsp.RTSPLowerTrans.UDP,
        "any": GstRtsp.RTSPLowerTrans.TCP | GstRtsp.RTSPLowerTrans.UDP,
    }
    result.set_protocols(transports[args.transport])
    if args.video == "file":
        loop = Loop(args.file)
        result.connect("media-configure", lambda _, media: loop.feed(media.get_element().get_by_name("loop")))
    if args.auth != "none":
        permissions = GstRtspServer.RTSPPermissions.new()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        result.set_permissions(permissions)
    return result


def authentication(args):
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken.new()
    token.set_string("media.factory.role", "viewer")
    if args.auth == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(args.user, args.password, token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(args.user, args.password), token)
    return auth


def main():
    args = arguments()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(args.port))
    if args.auth != "none":
        server.set_auth(authentication(args))
    server.get_mount_points().add_factory("/cam", factory(args))
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on port {args.port}")

    main_loop = GLib.MainLoop()

    def until_input_ends():
        sys.stdin.read()
        GLib.idle_add(main_loop.quit)

    threading.Thread(target=until_input_ends, daemon=True).start()
    print(f"READY {server.get_bound_port()}", flush=True)
    main_loop.run()


if __name__ == "__main__":
    main()
