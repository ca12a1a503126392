"""More than one host, and what the collector brings home."""

from host import BACKEND, SERVER
from lab import Lab, Scenario, wait
from programs import HERE
from truth import Verdict

COLLECTOR = HERE.parent.parent / "analyzer" / "app" / "collect.sh"


def mutual(lab: Lab) -> None:
    """Loans on one host ask scores on another, scores ask loans; each host was saved by itself."""
    loans = lab.java("com.lending.loan.LoanServer", "threads=12", f"scores=http://{BACKEND}:9120", port=9110, user="app", folder="loan")
    scores = lab.java("com.lending.score.ScoreServer", "threads=12", f"loans=http://{SERVER}:9110", port=9120, folder="score", remote=True)
    load = lab.clients("ask", 9110, "/offer/4711", count=30, every_ms=8, seconds=4)
    load.finish(60)
    wait("30 CLOSE_WAIT, and 12 calls in each direction", lambda: loans.close_waits() == 30 and len(scores.to(9110)) == 12)
    lab.snapshot(loans, {"netstat.txt": "netstat -tanp", "jstack.txt": "jstack {pid}"}, "loan-01")
    there = "ip netns exec remote"
    lab.snapshot(scores, {"ss.txt": f"{there} ss -tanpe", "jstack.txt": f"{there} jstack -l {{pid}}"}, "score-01")
    lab.record(loans, scores)


def collected(lab: Lab) -> None:
    """A server that calls itself, saved by the collector with packets while three more clients try."""
    app = lab.java("com.shopfront.web.StoreFront", "threads=10", port=8087, user="app", folder="store")
    load = lab.clients("ask", 8087, "/espresso-mill", count=25, every_ms=10, seconds=4)
    load.finish(60)
    wait("25 CLOSE_WAIT and 10 calls to itself", lambda: app.close_waits() == 25 and len(app.to(8087)) == 10)
    late = lab.clients("ask", 8087, "/tea-pot", count=3, every_ms=1500, seconds=2)
    lab.snapshot(app, {"-": f"sh {COLLECTOR} --capture {{pid}} 1"}, attempts=1)
    late.finish(30)
    lab.record(app)


SCENARIOS = (
    Scenario(
        "mutual-call-two-hosts",
        "loans and scores, a Tomcat on each of two hosts, each read from the other",
        Verdict(
            "mutual-call-starvation",
            "com.lending.loan.LoanServer.askScore",
            must_not=("self-call-starvation", "slow-backend", "connection-leak"),
            pools={"http-nio-9110-exec-": 12, "http-nio-9120-exec-": 12},
        ),
        mutual,
    ),
    Scenario(
        "self-call-collected",
        "prices from the own port, 10 workers; the archive that the collector made, with packets",
        Verdict(
            "self-call-starvation",
            "com.shopfront.catalog.PriceClient.quote",
            must_not=("slow-backend", "connection-leak", "connection-limit"),
            pools={"http-nio-8087-exec-": 10, "pool-1-thread-": 10},
        ),
        collected,
    ),
)
