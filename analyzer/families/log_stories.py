"""What a kind of line in a log lets one suspect: the rule, why such a line is written, what to look at, what to mend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.families import container_stories
from analyzer.families.limit_stories import LIMITS
from analyzer.families.story import Story
from analyzer.model.finding import Confidence, Outlook, RecoversWhen
from analyzer.model.message import say
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Mapping


_STORAGE: Final = Story(
    "disk-stall",
    say(
        "Threads that touch that storage stand in the kernel until it answers; no timeout of theirs reaches them, and no signal but perhaps SIGKILL."
    ),
    say("See which mount or device does not answer, and who waits for it."),
    "ps -eLo pid,tid,stat,wchan:32,comm | awk '$3 ~ /D/'; mount; dmesg | tail",
    say("Keep file access off request threads; mount file servers softly with timeouts where lost writes can be borne."),
    say("waits in the kernel for storage"),
)
_FULL: Final = Story(
    "pool-stuck",
    say(
        "As many threads or workers as there may be were busy at once, or one of them for too long. What they wait for, their stacks tell: a slow service behind them, a lock, a lent pool, or simply more requests than they can serve."
    ),
    say("Save the stacks of all of them at such a moment: what most of them share is the cause."),
    None,
    say("Do not only raise the limit: more workers wait for the same."),
    say("is full"),
)
SERVICE: Final = Story(
    "slow-backend",
    say(
        "Somebody waited for an answer until a limit ended the wait. A slow service, a stall of the server in between, and packets that were lost on the way write the same line."
    ),
    say("Look at the server that is named: is it up, and what do its threads wait for?"),
    None,
    say("Let the innermost call end first: each timeout shorter than that of its caller, and no retry without a limit."),
    say("waits for an answer"),
    say(": what is called does not answer, or answers slowly"),
)
STORIES: Final[Mapping[LogKind, Story]] = {
    **LIMITS,
    LogKind.RETURNED: Story(
        "self-call-starvation",
        say(
            "The one who asks and the one who is asked have the same address, and the port is the one that the request came in on: each request comes back as another one, and takes two more connections, until there are none. One visitor is enough. More connections only let it turn for longer."
        ),
        say("See where the proxy forwards to, and which ports it listens to: they must not meet."),
        "nginx -T | grep -nE 'listen|proxy_pass|upstream|server '",
        say("Forward to the port of the program behind, not to the proxy's own (proxy_pass, upstream)."),
        say("forwards its requests to itself"),
        why=say("The line has the address of both ends; whether another program listens there, the configuration or a socket table tells."),
        confidence=Confidence.LIKELY,
        outlook=Outlook(RecoversWhen.LOAD, say("The loop ends when its requests fail, and begins again with the next one.")),
    ),
    LogKind.DESCRIPTORS: Story(
        "fd-exhaustion",
        say(
            "The process had as many files and sockets open as it may. Whether something leaks or the limit is too low, a list of its descriptors tells: one kind that grows is a leak."
        ),
        say("Count what the process holds, by kind, twice with some minutes between."),
        "ls -l /proc/PID/fd | awk '{print $NF}' | sed 's/[0-9]*//g' | sort | uniq -c | sort -rn | head; grep files /proc/PID/limits",
        say("Close what grows. Raise the limit (LimitNOFILE, ulimit -n) where nothing does."),
        say("has no descriptor left"),
    ),
    LogKind.NO_THREAD: Story(
        "thread-leak",
        say(
            "The system refused a further thread: the process has too many, a limit of the user or container is too low, or memory for stacks is used up."
        ),
        say("Count the threads by name before the restart: one name with thousands is the leak."),
        None,
        say("Keep one executor or client and shut down those that are made for a while; compare with the limits (ulimit -u)."),
        say("cannot make a thread"),
        outlook=Outlook(
            RecoversWhen.UNKNOWN,
            say("Threads of pools that end when they are idle go after minutes; those that nobody ends stay until a restart."),
        ),
    ),
    LogKind.LOOP: Story(
        "event-loop-blocked",
        say(
            "The loop's own check measured it. A call that blocks, a long computation and a pause of the whole process hold a loop up alike; the stack below the line, where there is one, tells."
        ),
        say("Take the stack of the loop while it is held up."),
        None,
        say("Move what takes long off the loop, to a worker (executor, thread), or use the client that does not block."),
        say("runs on its event loop"),
        say(": all its connections stood still meanwhile"),
        say("The loop's own check wrote the line."),
        Confidence.LIKELY,
    ),
    LogKind.POLLED_LATE: Story(
        "event-loop-blocked",
        say(
            "A consumer must come back for more messages within max.poll.interval.ms, or the group takes it for dead: its partitions go to others, its commit fails, and the same messages are worked on again. The limit of its heartbeats (session.timeout.ms) is another one. Work that takes long for each message, a call that hangs, and a long pause look the same."
        ),
        say("See how long one batch takes, and what the consumer's thread does meanwhile."),
        None,
        say(
            "Take fewer messages at once (max.poll.records) or make the work for each shorter; let max.poll.interval.ms be longer than the longest batch. Until then work must bear to be done twice."
        ),
        say("works on its messages for longer than it may be away"),
        why=say("The client wrote it itself; what its thread did meanwhile, the line does not say."),
        confidence=Confidence.LIKELY,
    ),
    LogKind.QUEUE_GAVE_UP: Story(
        "queued-at-proxy",
        say(
            "The proxy lets only so many requests through to its servers at once, and these waited for a place until their limit ended. Servers that answer slowly, and a limit that is too low, fill the queue alike; that the checks of the servers are well says nothing of that."
        ),
        say("Look how long the servers take for the requests that they serve, and what their threads wait for."),
        None,
        say("Make what is slow behind the proxy fast, or keep it apart from the rest; more places only help if the servers can bear more."),
        say("has no place left at its servers"),
    ),
    LogKind.OVERFLOW: Story(
        "queued-at-proxy",
        say(
            "The proxy of the caller lets only so many requests and connections be open to a service, and refuses further ones at once: the service never sees them. A limit that is small for the load is reached in moments; and requests that get no answer keep their places until a time limit ends them, so a service that answers slowly, or one sick server of it, fills any limit. The network and the proxy are well."
        ),
        say(
            "Compare the limit with the requests that are open, and see how long the service takes for those that reach it: fast answers mean that the limit is too small."
        ),
        None,
        say(
            "Where answers are fast, raise the limit (Istio: connectionPool of the DestinationRule; Envoy: circuit_breakers). Where they are late, take the sick server out (outlier detection) and let requests end sooner: a higher limit only lets more of them wait."
        ),
        say("refuses requests"),
        why=say("The proxy wrote itself that the limit was reached; what keeps the places, its line does not say."),
        outlook=Outlook(RecoversWhen.CAUSE, say("Requests are let through again as soon as fewer of them are open.")),
    ),
    LogKind.PROBED: Story(
        "pool-stuck",
        say(
            "The kubelet asks the program whether it lives; an answer that takes longer than the probe's timeout counts as none, and after some of them the container is killed and started again. Exit code 137 is that kill: had memory run out, the reason would be OOMKilled. Threads that are all busy, a long pause of the runtime, too little processor time (a CPU limit), and a check that itself asks another service look the same."
        ),
        say("Take the program's stacks before the next kill, and see how long the check takes and whom it asks."),
        "kubectl exec POD -- sh -c 'kill -3 1'; kubectl logs POD > stacks.txt; kubectl describe pod POD",
        say(
            "Let the liveness check ask nothing but the program itself, with a timeout longer than its pauses, and give the container enough processor time; more memory does not help."
        ),
        say("is asked whether it lives, and does not answer in time"),
        why=say("The kubelet wrote it itself; why no answer came in time, it can not know."),
    ),
    LogKind.WATCHED: Story(
        "pool-stuck",
        say(
            "The program promised to report to the service manager again and again, and did not within the limit, so that it was ended (SIGABRT) and, mostly, started again. A main loop that stands in a call, a lock that nobody gives back, a long pause, and a host that swaps look the same."
        ),
        say("The core that SIGABRT left has the stacks of that moment; without one take them before the limit next time."),
        "coredumpctl gdb PID -A '-batch -ex \"thread apply all bt\"' > stacks.txt",
        say("Do not raise WatchdogSec before it is known what the main loop waits for."),
        say("does not report to its watchdog"),
        why=say("The service manager wrote it itself; what the program waited for, it can not know."),
    ),
    LogKind.DOWN: Story(
        "slow-backend",
        say(
            "The proxy asks its servers whether they live; a check without an answer in time counts as dead. A server whose threads are all stuck, a host that is gone, packets that are lost, and a check that is too strict look the same; where no server is left every request fails at once."
        ),
        say("Look at the server that is named: does it accept, and what do its threads wait for?"),
        None,
        say("Let the check ask something that needs no other service, and give it a few seconds."),
        say("takes its servers for dead"),
        why=say("The proxy wrote it itself; why no answer came, it can not know."),
    ),
    LogKind.LOCK_WAIT: Story(
        "lock-held-by-idle-transaction",
        say(
            "The database itself says who waits. Whoever holds the lock runs a long statement, waits for a lock itself, or is idle in its transaction: a lock is kept until that ends, however well the database is."
        ),
        say("List the sessions with who blocks them, and what the one in front does: runs, waits, or is idle in its transaction?"),
        None,
        say("Let the program behind the holder commit before it does anything slow; set a timeout on idle transactions and on lock waits."),
        say("waits for a lock"),
        why=say("The database wrote the line itself."),
    ),
    LogKind.THREAD_LEFT: Story(
        "thread-leak",
        say(
            "The application was stopped, and a thread that it started runs on: with each redeployment one more stays, with all classes and connections that it refers to."
        ),
        say("Count the threads of that name: as many as there were redeployments?"),
        None,
        say("End the thread where the application ends (ServletContextListener.contextDestroyed, @PreDestroy, ExecutorService.shutdown)."),
        say("left a thread behind"),
    ),
    LogKind.CURSORS: Story(
        "connection-leak",
        say(
            "Each statement and result that is not closed keeps a cursor of its session, and a pool gives the session on with them. A limit that is too low for an honest batch shows the same."
        ),
        say("See which statement the open cursors are of: one that stands there hundreds of times is not closed."),
        "select sql_text, count(*) from v$open_cursor group by sql_text order by 2 desc",
        say("Close statements and results in every path (try-with-resources, finally)."),
        say("has no cursor left"),
    ),
    LogKind.UNREAD: Story(
        "pool-stuck",
        say(
            "The broker has the messages, and no consumer: whoever should read the queue has ended, was never started, or has lost its connection."
        ),
        say("Look at the program that should read it: does it run, and what do its log and its threads say?"),
        None,
        say("Start the consumer again, and watch that each queue has one; give messages that nobody wants any more a time to live."),
        say("has messages and no consumer"),
        why=say("The broker itself lists it; why nobody reads, it does not know."),
    ),
    LogKind.SLOTS: Story(
        "connection-limit",
        say(
            "The server has as many connections as it may, and refuses further ones. Pools that together have more connections than that, connections that are never given back, and clients that wait long for something look the same: the list of its sessions tells who has them, and whether they do anything."
        ),
        say("List the server's sessions by client and state: idle ones that nobody needs, or waits?"),
        None,
        say("Let the pools of all clients together stay below the limit, and close what is not used; only then weigh a higher limit."),
        say("has no place for another connection"),
        outlook=Outlook(
            RecoversWhen.UNKNOWN,
            say("There is place again when sessions end; what a client keeps or never closes stays, whatever the load."),
        ),
    ),
    LogKind.ALARM: Story(
        "blocked-write",
        say(
            "Where a limit of disk or memory is reached, of the broker or of one of its destinations, no more messages are taken for it: whoever publishes waits, in the send or in a write, until there is room. What fills it the broker's own figures tell: a destination with many messages, and consumers that are slow, stuck or not there."
        ),
        say("Look at the broker's queues: which has many messages, and no consumer?"),
        "rabbitmqctl list_queues name messages consumers; rabbitmqctl status",
        say("Consume or purge the queue that fills it, give queues a limit and a time to live, and let sends have a timeout."),
        say("waits for room at the broker"),
        say(": whoever publishes to it waits"),
        say("The broker says itself that the limit was reached; whether it still is, its status tells."),
        outlook=Outlook(RecoversWhen.CAUSE, say("Those who publish go on when the broker has room again.")),
        commands=(("ActiveMQ", "activemq dstat queues"),),
    ),
    LogKind.STARVED: Story(
        "pool-stuck",
        say(
            "The pool's own check measured it. Threads that block in calls, long computations, and a host that is short of processor let tasks wait alike."
        ),
        say("Look what the pool's threads do at such a moment: what most of them share is the cause."),
        None,
        say("Run calls that block on a pool of their own, apart from the one that serves requests."),
        say("has tasks that wait for a thread"),
    ),
    LogKind.BLOCKING: Story(
        "event-loop-blocked",
        say(
            "A watch of the program's own found the call, on a thread that serves many connections: while such a call waits, all of them stand still. Some watches refuse the call, so that the request fails; others only warn."
        ),
        say("Look who makes the call: the stack below the line, where there is one, tells."),
        None,
        say("Move the call off the loop, to a scheduler or executor for work that blocks, or use the client that does not block."),
        say("runs on its event loop"),
        why=say("The watch wrote the line itself; how long such calls take, and how many there are, it does not show."),
    ),
    LogKind.ADDRESSES: Story(
        "ephemeral-port-exhaustion",
        say(
            "The system had no local port for a further connection to that service, or the address to bind is not this host's. Thousands of connections in TIME_WAIT to one service are what uses ports up."
        ),
        say("Count the connections by far end and state."),
        "ss -tan | awk '{print $1, $5}' | sort | uniq -c | sort -rn | head",
        say("Keep connections and use them again (keep-alive, a pool) instead of opening one for each call."),
        say("gets no local port"),
    ),
    LogKind.FLOODED: Story(
        "backlog-overflow",
        say("A listener that does not accept, a burst beyond its queue, and a flood of forged SYNs write the same line."),
        say("See which listener's queue is full, and what its process does."),
        "ss -ltnp; nstat -az TcpExtListenOverflows",
        say("If the process does not accept, look at its threads; if it does, raise the backlog (listen, net.core.somaxconn)."),
        say("has a queue that overflows"),
    ),
    LogKind.STORE: _STORAGE,
    LogKind.STOOD: _STORAGE,
    LogKind.DISK: Story(
        "disk-stall",
        say(
            "Whoever reads, writes or syncs a file on it waits that long each time, and so do those who wait for a lock or a thread of theirs."
        ),
        say("See who reads and writes so much, and whether the device itself is sick."),
        "pidstat -d 1 5; iostat -x 1 5; dmesg | tail",
        say("Take the load off the device that others do not need (logs, backups, compaction), or give it one of its own."),
        say("answers slowly"),
        why=say("The tool's own figures say so; who waits for the disk, they do not."),
    ),
    LogKind.QUORUM: Story(
        "disk-stall",
        say(
            "A write counts when most of the nodes have it; here too few have said so in time, and everybody who writes waits. Slow disks, pauses and a cut network of the silent nodes look the same: their own logs tell."
        ),
        say(
            "Look at the logs of the nodes that did not answer at that time: slow writes to disk, pauses of the collector, or nothing at all."
        ),
        "grep -nE 'took [0-9]+ ?ms|Slow|pause' *.log",
        say("Keep other load off their disks. A longer time limit only makes everybody wait longer."),
        say("waits for the answers of its peers"),
        why=say("The program measured it itself; why the others are silent, the line does not say."),
    ),
    LogKind.THREADS: _FULL,
    LogKind.MAILBOX: Story(
        "pool-stuck",
        say(
            "A process takes its messages one after the other. More come than it takes, or it waits for something itself: its own stack tells which."
        ),
        say("Look what that process waits for, and who sends so many messages."),
        None,
        say("Let one process do less for each message, or share the work among several; never let it wait for a slow service."),
        say("has messages that nobody takes"),
    ),
    LogKind.WORKER_ENDED: Story(
        "pool-stuck",
        say(
            "The master ends a worker that has not reported for longer than its timeout, whatever it was in: a call without a time limit, a slow statement, a lock, a long computation, or a host that is short of memory. That it was killed by a signal is how it is ended, and says nothing of memory by itself; the kernel's log would."
        ),
        say("Save the stack of a worker while it is silent; see in the kernel's log whether anything else was killed for memory."),
        None,
        say("Give every call of the request a time limit below that of the worker; a higher one only lets requests wait longer."),
        say("did not report within its timeout"),
        commands=(("gunicorn", "py-spy dump --pid PID > stacks.txt; dmesg -T | grep -i -E 'oom|killed process'"),),
    ),
    LogKind.WORKERS: _FULL,
    **container_stories.STORIES,
    LogKind.KILLED: Story(
        "pool-stuck",
        say(
            "Signal 9 comes from outside of a process, and what it was in is lost. The kernel sends it when memory runs out, of the host or of the container; a master or supervisor sends it after a time limit, and people do. The line does not say who. A program that crashes ends by another signal (11, 6)."
        ),
        say("See whether the kernel killed it for memory, and what its supervisor wrote at that second."),
        "dmesg -T | grep -i -E 'oom|killed process'; cat /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory.max",
        say("Where it was memory: find which job needs so much, and give it less at once, before you raise the limit."),
        say("lost a process to signal 9"),
    ),
    LogKind.READ_TIMEOUT: SERVICE,
    LogKind.PAUSE: Story(
        "gc-thrash",
        say(
            "Nothing runs in the process during such a pause, so time limits of it and of others that wait for it run out, and neither the network nor the far side need be the cause. A heap that is too small, a collector that falls behind, a host that swaps or is short of processor, and a virtual machine that its host stops (snapshot, backup, migration) make pauses long; a clock that is set looks the same."
        ),
        say(
            "Look at the collector's log around the time, at the host's memory and stolen processor time (st), and at what was done to the virtual machine then."
        ),
        "jcmd PID VM.log output=pauses.log what=gc*,safepoint*; jstat -gcutil PID 1000 10; vmstat 1 5",
        say("If it is the collector, find what fills the heap before you raise it."),
        say("stands still"),
        outlook=Outlook(RecoversWhen.UNKNOWN, say("Each pause ends by itself; whether the next one comes, what makes it decides.")),
    ),
    LogKind.SLOW_STATEMENT: Story(
        "slow-statement",
        say("The database itself measured it. A plan that reads too much, and a wait for a lock, both take long."),
        say("Look at the statement's plan, and at who holds the locks that it waits for."),
        None,
        say("Give statements a time limit, so that one of them does not hold its connection for ever."),
        say("works on a statement"),
        why=say("The database wrote the line itself."),
    ),
}
"""What is suspected for each kind of line; pools of connections have a text of their own."""
