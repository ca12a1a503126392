"""Virtual threads, on a newer Java runtime."""

from host import BACKEND, mount_newer_jdk
from lab import Lab, Scenario
from truth import Verdict

FLAGS = ("-Djdk.virtualThreadScheduler.parallelism=4", "-Djdk.virtualThreadScheduler.maxPoolSize=4")
JDK = "/srv/jdk-25/bin"
DUMP = f"{JDK}/jcmd {{pid}} Thread.dump_to_file -overwrite"
COMMANDS = {
    "jstack.txt": f"{JDK}/jstack {{pid}}",
    "threads.txt": f"{DUMP} /srv/weather/threads.txt > /dev/null; cat /srv/weather/threads.txt",
    "threads.json": f"{DUMP} -format=json /srv/weather/threads.json > /dev/null; cat /srv/weather/threads.json",
    "ss.txt": "ss -tanpe",
}


def pinned(lab: Lab) -> None:
    """A class initialiser waits for a backend; every other request waits for the class, and no carrier is left.

    The backend answers after a second. That does not help: the threads that wait on the sockets are virtual, too.
    """
    mount_newer_jdk()
    lab.backend(8067, "slow")
    app = lab.java(
        "com.weather.forecast.ForecastServer", f"model=http://{BACKEND}:8067", port=8700, user="app", java=f"{JDK}/java", flags=FLAGS
    )
    load = lab.clients("ask", 8700, "/station/10384", count=30, every_ms=5, seconds=4)
    load.finish(60)
    app.wait_close_waits(30)
    lab.snapshot(app, COMMANDS)
    lab.record(app)


def waiting(lab: Lab) -> None:
    """Fifty virtual threads wait for a backend without their carriers: the classic dump looks idle."""
    mount_newer_jdk()
    lab.backend(8068, "mute")
    app = lab.java(
        "com.weather.forecast.ForecastServer", f"model=http://{BACKEND}:8068", port=8701, user="app", java=f"{JDK}/java", flags=FLAGS
    )
    load = lab.clients("ask", 8701, "/forecast/berlin", count=50, every_ms=20, seconds=4)
    load.finish(60)
    app.wait_close_waits(50)
    lab.snapshot(app, COMMANDS)
    lab.record(app)


SCENARIOS = (
    Scenario(
        "virtual-threads-pinned",
        "four carriers pinned by a class initialiser that waits for a backend; JDK 25",
        Verdict(
            "virtual-thread-pinning",
            "com.weather.forecast.StationTable.<clinit>",
            must_not=("slow-backend", "self-call-starvation", "connection-leak"),
            pools={"ForkJoinPool-1-worker-": 4},
        ),
        pinned,
    ),
    Scenario(
        "virtual-threads-waiting",
        "fifty unmounted virtual threads wait for a backend; JDK 25",
        Verdict(
            "slow-backend",
            "com.weather.forecast.ForecastServer.ask",
            must_not=("virtual-thread-pinning", "self-call-starvation", "connection-leak"),
        ),
        waiting,
    ),
)
