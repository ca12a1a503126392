#!/bin/sh
# Collects what closewait needs to know of a hung server: three rounds of threads, sockets, descriptors and counters of one process.
#
#   sh collect.sh               only lists the JVMs, and other programs with sockets in CLOSE_WAIT
#   sh collect.sh [--stdout] [--capture] [--sigquit] [--gdb] [--pprof URL] PID [SECONDS]
#   sh collect.sh --database    only prints what to ask of a database and of a proxy in front; it runs nothing
#
#   PID         the process, as this shell numbers it
#   SECONDS     from the start of one round to the start of the next (10)
#   --stdout    the archive goes to standard output, through the pipe that the script came by, and is not kept here
#   --capture   also the packets of the ports that the process listens on (tcpdump: 200 bytes of each, at most 100,000)
#   --sigquit   if no tool gets a thread dump, ask the JVM for one with signal 3; it prints into its own log
#   --gdb       stacks of a program that has no tool of its own, by gdb: it stops the process for about a second each time
#   --pprof URL stacks of a Go program that serves net/http/pprof there, such as http://localhost:6060
#
# Run it as root or as the service's user. It writes one file, closewait-HOST-PID-DATE.tar.gz, into the current folder. Needs a POSIX shell and
# the usual tools; what is missing is noted in manifest.txt and left out. Command lines and environments are not collected: they hold passwords.
#
# The process is never stopped or traced, unless --gdb is given. A thread dump holds a JVM at a safepoint for some milliseconds, as jstack always
# does; py-spy and dotnet-stack, where they are installed, pause a process as briefly. Signal 3 is never sent to a Go program: it would end.
# shellcheck disable=SC2030,SC2031 # the list of processes has a PID of its own in its subshell
set -u
umask 077
LC_ALL=C
export LC_ALL

ROUNDS=3
DUMP_LIMIT=25 # seconds; a jstack without a free descriptor on the other side hangs for more than a minute
TABLE_LIMIT=20
MOST_POLLED=16 # descriptors of one poll() or epoll that are looked up

say() { echo "collect: $*" >&2; }
stop() {
  say "$*"
  exit 2
}
have() { command -v "$1" >/dev/null 2>&1; }
utc() { date -u +%Y-%m-%dT%H:%M:%SZ; }

# --- bounded commands ------------------------------------------------------------------------------------------------------------------

# Fractions of a second are no POSIX, but nearly every sleep knows them.
if sleep 0.05 2>/dev/null; then TICK=0.1 TICKS=10; else TICK=1 TICKS=1; fi
# An old busybox has a timeout with other options: that one is not used.
if timeout -k 1 5 true 2>/dev/null; then TIMEOUT=yes; else TIMEOUT=; fi
LIMIT=$TABLE_LIMIT

# Runs a command in the place of this subshell, for LIMIT seconds. timeout(1) also ends its children.
limited() {
  if [ "$TIMEOUT" ]; then exec timeout -k 2 "$LIMIT" "$@"; else exec "$@"; fi
}

# watched SECONDS COMMAND: waits so long at most, even for a command in uninterruptible sleep, which no signal ends.
watched() {
  ticks=$(($1 * TICKS))
  shift
  "$@" &
  job=$!
  while kill -0 "$job" 2>/dev/null; do
    if [ "$ticks" -le 0 ]; then
      kill "$job" 2>/dev/null
      sleep 1
      kill -9 "$job" 2>/dev/null
      return 124
    fi
    ticks=$((ticks - 1))
    sleep "$TICK"
  done
  wait "$job"
}

# run FILE SECONDS LABEL COMMAND...: one artifact, one row of the manifest. LABEL is the command as a person would type it.
run() {
  file=$ROUND/$1 LIMIT=$2 label=$3
  shift 3
  began=$(date +%s)
  started=$(utc)
  echo "\$ $label" >"$OUT/$file"
  watched "$((LIMIT + 5))" "$@" >>"$OUT/$file" 2>"$WORK/errors"
  code=$?
  remark=$(tr '\n' ' ' <"$WORK/errors" | cut -c 1-300)
  [ "$code" != 124 ] || remark="no answer within its time. $remark"
  echo "$file | $started | $(($(date +%s) - began)) s | exit $code | $label | ${remark:--}" >>"$MANIFEST"
}

skip() { echo "$ROUND/$1 | $(utc) | - | skipped | $2 | $3" >>"$MANIFEST"; }

# --- the process -----------------------------------------------------------------------------------------------------------------------

# A field of /proc/PID/status; the last word of it with a third argument (the innermost of several numberings).
status_of() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" 2>/dev/null; }

# Also true where the answer is hidden: then it cannot be entered either.
same_namespace() {
  its=$(readlink "/proc/$PID/ns/$1" 2>/dev/null) || return 0
  [ "$its" = "$(readlink "/proc/self/ns/$1")" ]
}

look_at_process() {
  owner_uid=$(status_of "$PID" Uid | cut -f 2)
  owner_gid=$(status_of "$PID" Gid | cut -f 2)
  # shellcheck disable=SC2012 # one folder of /proc; stat(1) is no POSIX
  owner=$(ls -ld "/proc/$PID" | sed 's/^[^ ]* *[^ ]* *\([^ ]*\).*/\1/')
  inner=$(status_of "$PID" NSpid | sed 's/.*[[:space:]]//')
  inner=${inner:-$PID}
  exe=$(readlink "/proc/$PID/exe" 2>/dev/null) || exe=
  exe=${exe% (deleted)}
  contained=
  if ! same_namespace mnt || ! same_namespace pid; then contained=yes; fi
  in_net=
  if ! same_namespace net; then
    if have nsenter; then in_net="nsenter -t $PID -n"; else say "nsenter is missing: ss and netstat show this host, not the process' network"; fi
  fi
  machine=$(uname -m)
  # A 32-bit program has other system call numbers than its kernel.
  bits=$(od -An -tu1 -j4 -N1 "/proc/$PID/exe" 2>/dev/null | tr -d ' ')
  [ "$bits" != 1 ] || machine="$machine-32"
}

is_jvm() {
  case $exe in */java) return 0 ;; esac
  if [ -z "$exe" ] && first_line "/proc/$PID/comm" && [ "$LINE" = java ]; then return 0; fi
  grep -q 'libjvm\.so' "/proc/$PID/maps" 2>/dev/null
}

# In the network of the process.
there() {
  # shellcheck disable=SC2086 # a list of words
  limited $in_net "$@"
}

# As the user of the process: a JVM before 11 talks to its own user only, not even to root.
as_owner() {
  if [ "$(id -u)" != 0 ] || [ "$owner_uid" = 0 ]; then
    limited "$@"
  elif have runuser && id "$owner" >/dev/null 2>&1; then
    limited runuser -u "$owner" -- "$@"
  elif setpriv --reuid "$owner_uid" --clear-groups true 2>/dev/null; then # busybox has another setpriv
    limited setpriv --reuid "$owner_uid" --regid "$owner_gid" --clear-groups -- "$@"
  else
    # shellcheck disable=SC2016 # the inner shell expands it
    limited su -s /bin/sh -c 'exec "$0" "$@"' -- "$owner" "$@"
  fi
}

# In the container of the process, where its pid is another one, as its user.
contained() { limited nsenter -t "$PID" -m -p -S "$owner_uid" -G "$owner_gid" -- "$@"; }

# --- thread dump -----------------------------------------------------------------------------------------------------------------------

# attempt NAME COMMAND...: true if the command printed a dump. jcmd's first line, the pid in the JVM's own numbering, is left out.
attempt() {
  name=$1
  shift
  attempt_began=$(date +%s)
  ("$@") >"$WORK/dump" 2>"$WORK/dump.errors"
  attempt_code=$? attempt_took=$(($(date +%s) - attempt_began))
  if grep -q 'Full thread dump' "$WORK/dump"; then
    sed '1{/^[0-9]*:$/d;}' "$WORK/dump"
    echo "by $name" >&2
    return 0
  fi
  cat "$WORK/dump" "$WORK/dump.errors" >>"$WORK/failures"
  echo "$name: exit $attempt_code after $attempt_took s;" >&2
  return 1
}

# True if further tools would wait in vain as this one did: all of them knock at the same door. jstack gives up by itself after 10 s.
hung() { [ "$attempt_took" -ge 5 ]; }

# Prints the dump, or what the tools said instead: that a JVM does not answer is evidence too.
dump_threads() {
  : >"$WORK/failures"
  find_dump && return
  cat "$WORK/failures"
  return 1
}

find_dump() {
  LIMIT=$DUMP_LIMIT attempt_took=0
  case $(status_of "$PID" State) in
    [Tt]*)
      echo "the process is stopped (SIGSTOP, or traced): it cannot answer; not tried" >&2
      return 1
      ;;
  esac
  # The tools knock with signal 3 where the JVM has no attach socket yet. One that runs with -Xrs does not catch it, and would end.
  case $(status_of "$PID" SigCgt) in
    *[4567cdef]) ;;
    *)
      echo "signal 3 is not caught (-Xrs?): jstack could end the process; not tried" >&2
      return 1
      ;;
  esac
  bin=${exe%/*}
  if [ "$contained" ] && have nsenter; then
    for tools in "$bin" "${bin%/jre/bin}/bin"; do
      if [ -x "/proc/$PID/root$tools/jstack" ]; then
        attempt "jstack in the container" contained "$tools/jstack" -l "$inner" && return
        hung && break
        attempt "jcmd in the container" contained "$tools/jcmd" "$inner" Thread.print -l && return
        hung && break
      fi
    done
  fi
  for tools in "$bin" "${bin%/jre/bin}/bin" "${JAVA_HOME:-/none}/bin" "$(dirname "$(command -v jstack || echo /none/jstack)")"; do
    if hung; then break; fi
    if [ -x "$tools/jstack" ]; then attempt "$tools/jstack" as_owner "$tools/jstack" -l "$PID" && return; fi
    if [ -x "$tools/jcmd" ] && ! hung; then attempt "$tools/jcmd" as_owner "$tools/jcmd" "$PID" Thread.print -l && return; fi
  done
  if [ "$SIGQUIT" ]; then
    ask_by_signal && return
  else
    echo "no tool got a dump; --sigquit lets the JVM print one into its own log" >&2
  fi
  return 1
}

# The last resort, and only when told: the JVM prints the dump where its standard output goes.
ask_by_signal() {
  log=$(readlink "/proc/$PID/fd/1") || log=
  [ -z "$contained" ] || log=/proc/$PID/root$log
  before=0
  if [ -f "$log" ]; then before=$(wc -c <"$log"); fi
  kill -3 "$PID" || return 1
  sleep 3
  if [ ! -f "$log" ]; then
    echo "signal 3 sent; the dump went to $log, which is no file: fetch it from the service's journal" >&2
    return 1
  fi
  echo "by signal 3, from $log" >&2
  tail -c "+$((before + 1))" "$log" | head -c 50000000
}

# --- stacks of other runtimes ----------------------------------------------------------------------------------------------------------

# python, dotnet, node, ruby, php or other: by the program's name, else by the library that it has loaded.
runtime_of() {
  case ${exe##*/} in
    python* | pypy* | gunicorn* | uwsgi*) echo python ;;
    dotnet) echo dotnet ;;
    node | nodejs) echo node ;;
    ruby*) echo ruby ;;
    php*) echo php ;;
    *)
      if grep -q 'libpython[0-9.]*so' "/proc/$PID/maps" 2>/dev/null; then
        echo python
      elif grep -q 'libcoreclr\.so' "/proc/$PID/maps" 2>/dev/null; then
        echo dotnet
      else
        echo other
      fi
      ;;
  esac
}

collect_stacks() {
  if [ "$PPROF" ]; then
    if have_or_skip curl stacks.txt "curl $PPROF/debug/pprof/goroutine?debug=2"; then
      run stacks.txt $DUMP_LIMIT "curl $PPROF/debug/pprof/goroutine?debug=2" limited curl -s -S -f "$PPROF/debug/pprof/goroutine?debug=2"
    fi
    return
  fi
  kind=$(runtime_of)
  if [ "$kind" = python ] && have py-spy; then
    run stacks.txt $DUMP_LIMIT "py-spy dump --pid $PID" limited py-spy dump --pid "$PID"
  elif [ "$kind" = dotnet ] && have dotnet-stack; then
    run stacks.txt $DUMP_LIMIT "dotnet-stack report -p $PID" as_owner dotnet-stack report -p "$PID"
  elif [ "$GDB" ]; then
    if have_or_skip gdb stacks.txt "gdb -p $PID -batch -ex 'thread apply all bt'"; then
      run stacks.txt $DUMP_LIMIT "gdb -p $PID -batch -ex 'thread apply all bt'" limited gdb -p "$PID" -batch -nx -ex "thread apply all bt"
    fi
  else
    case $kind in
      python) skip stacks.txt "py-spy dump --pid $PID" "py-spy is not installed; --gdb shows the interpreter's stacks" ;;
      dotnet) skip stacks.txt "dotnet-stack report -p $PID" "dotnet-stack is not installed; --gdb shows native stacks" ;;
      node) skip stacks.txt "kill -USR2 $PID" "a node that runs with --report-on-signal writes a report at signal USR2; others end" ;;
      ruby) skip stacks.txt "pumactl thread-backtraces" "puma's control address is not known; --gdb shows native stacks" ;;
      *) skip stacks.txt "stacks of $PID" "--gdb shows native stacks; a Go program with pprof: --pprof http://localhost:6060" ;;
    esac
  fi
}

# What only a database or a proxy can tell. Nothing of it is run here; passwords belong into ~/.pgpass and ~/.my.cnf, not into a command.
database_hints() {
  cat <<'HINTS'
Save beside the collection what fits, at the same moment; one line each.
PostgreSQL  psql -XAc "select pid, pg_blocking_pids(pid) as blocked_by, usename, datname, application_name, client_addr, client_port, state, wait_event_type, wait_event, xact_start, query_start, state_change, now(), query from pg_stat_activity" > pg_stat_activity.txt
MySQL       mysql -e "show full processlist" > processlist.txt; mysql -e "show engine innodb status\G" > innodb.txt; mysql -e "select * from sys.innodb_lock_waits\G" > lock_waits.txt
PgBouncer   psql -p 6432 pgbouncer -XAc "show clients" > clients.txt; psql -p 6432 pgbouncer -XAc "show servers" > servers.txt
Redis       redis-cli client list > client_list.txt; redis-cli info clients > info.txt
HAProxy     echo "show sess all" | socat stdio /run/haproxy/admin.sock > sess.txt
nginx       the last lines of access.log and error.log; curl -s localhost/stub_status > stub_status.txt
The statements in these files are data of others: look at them before you send them on. closewait shows no literal of a statement.
HINTS
}

# --- system calls of the threads -------------------------------------------------------------------------------------------------------

# The first line of a file in /proc as LINE, without a process of its own: there may be thousands of threads.
first_line() {
  LINE=
  { IFS= read -r LINE; } 2>/dev/null <"$1"
  [ "$LINE" ]
}

# What the arguments of a call say of descriptors: include/uapi/asm-generic/unistd.h and arch/x86/entry/syscalls/syscall_64.tbl.
kind_of_call() {
  case $machine:$1 in
    x86_64:0 | x86_64:1 | x86_64:3 | x86_64:19 | x86_64:20 | x86_64:40 | x86_64:42 | x86_64:43 | x86_64:44 | x86_64:45) echo descriptor ;;
    x86_64:46 | x86_64:47 | x86_64:288 | x86_64:299 | x86_64:307) echo descriptor ;;
    aarch64:57 | aarch64:63 | aarch64:64 | aarch64:65 | aarch64:66 | aarch64:71 | aarch64:202 | aarch64:203 | aarch64:206) echo descriptor ;;
    aarch64:207 | aarch64:211 | aarch64:212 | aarch64:242 | aarch64:243 | aarch64:269) echo descriptor ;;
    x86_64:7 | x86_64:271 | aarch64:73) echo poll ;;
    x86_64:232 | x86_64:281 | x86_64:441 | aarch64:22 | aarch64:441) echo epoll ;;
    *) echo other ;;
  esac
}

# DESCRIPTOR=TARGET, as in 41=socket:[172931].
target_of() { echo "$1=$(readlink "/proc/$PID/fd/$1" 2>/dev/null | tr ' |,' '___')"; }

# The descriptors in the array of struct pollfd (int fd; short events, revents) at an address of the process. Reading /proc/PID/mem stops nobody.
polled() {
  count=$2 more=
  if [ "$count" -gt "$MOST_POLLED" ]; then count=$MOST_POLLED more=...; fi
  # shellcheck disable=SC2046 # numbers, two for each struct
  set -- $(dd if="/proc/$PID/mem" bs=4 skip="$(($1 / 4))" count="$((count * 2))" 2>/dev/null | od -An -v -td4)
  while [ $# -ge 2 ]; do
    echo "$1"
    shift 2
  done
  echo "$more"
}

# What an epoll descriptor watches.
watched_by() {
  sed -n 's/^tfd: *\([0-9]*\).*/\1/p' "/proc/$PID/fdinfo/$1" 2>/dev/null | sed "$((MOST_POLLED + 1))s/.*/.../;$((MOST_POLLED + 2)),\$d"
}

# The descriptors of a call, separated by commas: of an epoll first itself, then what it watches.
descriptors_of() {
  case $(kind_of_call "$1") in
    descriptor) numbers=$(($2)) ;;
    poll) numbers=$(polled "$(($2))" "$(($3))") ;;
    epoll) numbers="$(($2)) $(watched_by "$(($2))")" ;;
    *) numbers= ;;
  esac
  list=
  for number in $numbers; do
    case $number in
      -*) ;; # poll() ignores a negative descriptor
      ...) list=$list,... ;;
      *) list=$list,$(target_of "$number") ;;
    esac
  done
  list=${list#,}
  echo "${list:--}"
}

# TID | its number in the container | wchan | system call | descriptors | comm
thread_line() {
  tid=${1##*/} own=- call=- descriptors=- wchan=- comm=-
  if first_line "$1/syscall"; then call=$LINE; fi
  case $call in
    [0-9]*)
      # shellcheck disable=SC2086 # number, six arguments, stack pointer, program counter
      descriptors=$(descriptors_of $call)
      # A thread that went on in the meantime proves nothing.
      if [ "$descriptors" != - ] && first_line "$1/syscall" && [ "$LINE" != "$call" ]; then descriptors=moved; fi
      ;;
  esac
  if first_line "$1/wchan" && [ "$LINE" != 0 ]; then wchan=$LINE; fi
  if first_line "$1/comm"; then comm=$LINE; else return; fi
  if [ "$inner" != "$PID" ]; then own=$(status_of "$PID/task/$tid" NSpid | sed 's/.*[[:space:]]//'); fi
  echo "$tid | ${own:--} | $wchan | $call | $descriptors | $comm"
}

thread_table() {
  echo "System calls of the threads of process $PID, $machine, $(utc)"
  echo "TID | IN CONTAINER | WCHAN | SYSCALL | DESCRIPTORS | COMM"
  for task in "/proc/$PID/task"/*; do thread_line "$task"; done
  case $machine in
    x86_64 | aarch64) ;;
    *) echo "no table of system calls for $machine: no descriptors" >&2 ;;
  esac
  first_line "/proc/$PID/syscall" || echo "system calls are not shown to this user: root, or kernel.yama.ptrace_scope=0, is needed" >&2
}

# --- one round -------------------------------------------------------------------------------------------------------------------------

# The second round of top only: the first one counts from the start of each thread.
# shellcheck disable=SC2016 # sed's last line, no variable
top_threads() { (limited top -H -b -d 1 -n 2 -p "$PID") | sed -n '/^top - /h;/^top - /!H;${x;p;}'; }

have_or_skip() {
  have "$1" && return
  skip "$2" "$3" "$1 is not installed"
  return 1
}

# Threads and sockets stand next to each other, the slow commands behind them: what is linked must be of one moment.
collect_round() {
  ROUND=round$1
  mkdir "$OUT/$ROUND"
  run threads.txt 60 "cat /proc/$PID/task/*/syscall (with descriptors)" thread_table
  if have_or_skip ss ss.txt "ss -tanpoei"; then run ss.txt $TABLE_LIMIT "ss -tanpoei" there ss -tanpoei; fi
  run fd.txt $TABLE_LIMIT "ls -l /proc/$PID/fd" limited ls -l "/proc/$PID/fd"
  if is_jvm; then
    run jstack.txt $((DUMP_LIMIT + 5)) "jstack -l $PID" dump_threads
  else
    skip jstack.txt "jstack -l $PID" "the process is no JVM"
    collect_stacks
  fi
  if have_or_skip lsof lsof.txt "lsof -nP -p $PID"; then run lsof.txt $TABLE_LIMIT "lsof -nP -p $PID" limited lsof -nP -p "$PID"; fi
  if have_or_skip netstat netstat.txt "netstat -tanope"; then run netstat.txt $TABLE_LIMIT "netstat -tanope" there netstat -tanope; fi
  run tcp.txt $TABLE_LIMIT "cat /proc/$PID/net/tcp" limited cat "/proc/$PID/net/tcp"
  if [ -r "/proc/$PID/net/tcp6" ]; then run tcp6.txt $TABLE_LIMIT "cat /proc/$PID/net/tcp6" limited cat "/proc/$PID/net/tcp6"; fi
  run limits.txt $TABLE_LIMIT "cat /proc/$PID/limits" limited cat "/proc/$PID/limits"
  run status.txt $TABLE_LIMIT "cat /proc/$PID/status" limited cat "/proc/$PID/status"
  # Without -s nstat would change the history that the next nstat of this user compares with.
  if have nstat; then
    run nstat.txt $TABLE_LIMIT "nstat -asz" there nstat -asz
  else
    run nstat.txt $TABLE_LIMIT "cat /proc/$PID/net/netstat" limited cat "/proc/$PID/net/netstat"
  fi
  if have_or_skip top top.txt "top -H -b"; then run top.txt $TABLE_LIMIT "top -H -b -p $PID" top_threads; fi
}

# --- packets ---------------------------------------------------------------------------------------------------------------------------

# The ports that the process listens on, as a filter; all of TCP if ss does not tell.
capture_filter() {
  ports=$( (there ss -ltnp) 2>/dev/null | sed -n "s/.*:\([0-9][0-9]*\) .*pid=$PID,.*/tcp port \1/p" | sort -u | head -n 8 | tr '\n' '/')
  ports=${ports%/}
  echo "${ports:-tcp}" | sed 's,/, or ,g'
}

start_capture() {
  ROUND=.
  if ! have tcpdump; then
    skip capture.pcap tcpdump "tcpdump is not installed"
    return
  fi
  filter=$(capture_filter)
  # shellcheck disable=SC2086 # filter and namespace are lists of words
  $in_net tcpdump -i any -n -U -s 200 -c 100000 -w - $filter >"$OUT/capture.pcap" 2>"$WORK/capture.errors" &
  capture=$!
  # The capture must end even if this script is killed.
  (
    end=$((ROUNDS * (INTERVAL + 120)))
    while [ "$end" -gt 0 ] && kill -0 "$$" 2>/dev/null && kill -0 "$capture" 2>/dev/null; do
      sleep 1
      end=$((end - 1))
    done
    kill "$capture" 2>/dev/null
  ) &
  capture_began=$(utc)
}

end_capture() {
  [ "$capture" ] || return 0
  kill "$capture" 2>/dev/null
  wait "$capture"
  echo "capture.pcap | $capture_began | - | exit $? | tcpdump -i any -s 200 $filter | $(tr '\n' ' ' <"$WORK/capture.errors")" >>"$MANIFEST"
  capture=
}

# --- which process -------------------------------------------------------------------------------------------------------------------------

# One line for each socket in CLOSE_WAIT: the pid of a process that has it. Only root sees everybody's.
close_wait_owners() {
  if have ss; then
    (limited ss -tanp state close-wait) 2>/dev/null | grep -o 'pid=[0-9]*' | sed 's/pid=//'
  elif have netstat; then
    (limited netstat -tanp) 2>/dev/null | sed -n 's,.* CLOSE_WAIT  *\([0-9][0-9]*\)/.*,\1,p'
  fi
}

# What a JVM runs: the main class or the archive. Other arguments are left out, for they hold passwords.
main_class() {
  tr '\0' '\n' <"/proc/$PID/cmdline" 2>/dev/null | {
    IFS= read -r word # java itself
    while IFS= read -r word; do
      case $word in
        -jar | -m | --module)
          IFS= read -r word
          break
          ;;
        -cp | -classpath | --class-path | -p | --module-path | --add-opens | --add-exports | --add-modules) IFS= read -r word ;;
        -*) ;;
        *) break ;;
      esac
      word=
    done
    echo "${word##*/}" | cut -c 1-100
  }
}

# The row of a process for the list: how many of its sockets are in CLOSE_WAIT, its pid, its user and what it is.
list_row() {
  exe=$(readlink "/proc/$PID/exe" 2>/dev/null)
  name=$(cat "/proc/$PID/comm" 2>/dev/null)
  count=$(echo "$OWNERS" | grep -cx "$PID")
  if is_jvm; then name="java $(main_class)"; elif [ "$count" = 0 ]; then return; fi
  owner=$(sed -n 's/^Uid:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$PID/status" 2>/dev/null)
  echo "$count $PID uid $owner, $name"
}

# JVMs, and other programs with sockets in CLOSE_WAIT, most of these sockets first.
list_processes() {
  OWNERS=$(close_wait_owners)
  for status in /proc/[0-9]*/status; do
    PID=${status#/proc/} PID=${PID%/status}
    list_row
  done | sort -rn -k 1,1 -k 2,2 | head -n 40 | while read -r count listed name; do
    say "PID $listed: $count sockets in CLOSE_WAIT, $name"
  done
}

# --- manifest and archive --------------------------------------------------------------------------------------------------------------

# version TOOL OPTION: the first line of what it says of itself.
version() {
  if have "$1"; then
    echo "$1: $( (LIMIT=5 && limited "$1" "$2") 2>&1 </dev/null | sed -n '/[0-9]\.[0-9]/{p;q;}' | cut -c 1-120)"
  else
    echo "$1: not installed"
  fi
}

begin_manifest() {
  {
    echo "closewait collection 1"
    echo "host: $HOST"
    echo "kernel: $(uname -srm)"
    echo "began: $(utc)"
    echo "load: $(cat /proc/loadavg)"
    echo "run by: uid $(id -u)"
    echo "process: $PID, uid $owner_uid ($owner), in its container $inner"
    echo "program: $exe"
    echo "namespaces: $(if [ "$contained" ]; then echo "its own files or pids"; else echo "files and pids of this shell"; fi), $(
      if [ "$in_net" ]; then echo "its own network, entered with nsenter"; elif same_namespace net; then echo "network of this shell"; else echo "its own network, NOT entered"; fi
    )"
    first_line "/proc/$PID/root${exe%/bin/*}/release" && echo "java: $(sed -n 's/^JAVA_VERSION=//p' "/proc/$PID/root${exe%/bin/*}/release" | tr -d '"')"
    for setting in ip_local_port_range tcp_keepalive_time tcp_fin_timeout tcp_max_syn_backlog; do
      echo "net.ipv4.$setting: $(cat "/proc/sys/net/ipv4/$setting")"
    done
    echo "net.core.somaxconn: $(cat /proc/sys/net/core/somaxconn)"
    echo "time limits: $(if [ "$TIMEOUT" ]; then echo "timeout(1)"; else echo "this script alone, timeout(1) is missing"; fi)"
    version ss -V
    version netstat --version
    version lsof -v
    version nstat -V
    version ps --version
    [ -z "$CAPTURE" ] || version tcpdump --version
    echo "FILE | BEGAN | TOOK | RESULT | COMMAND | REMARK"
  } >"$MANIFEST" 2>&1
}

pack() {
  trap '' INT TERM HUP
  end_capture
  echo "ended: $(utc)${1:+, $1}" >>"$MANIFEST"
  rm -rf "${WORK:?}"
  if tar -cf - "$NAME" | gzip >"$NAME.tar.gz.part" && mv "$NAME.tar.gz.part" "$NAME.tar.gz"; then
    rm -rf "./${NAME:?}"
    if [ "$STDOUT" ] && cat "$NAME.tar.gz"; then
      rm -f "$NAME.tar.gz"
      say "done: the archive went to standard output"
      return
    fi
    say "done: $NAME.tar.gz ($(($(wc -c <"$NAME.tar.gz") / 1024)) KB); analyze it with: analyze $NAME.tar.gz"
    [ "$STDOUT" ] || echo "$NAME.tar.gz"
  else
    say "cannot pack; the files are in $NAME"
    exit 1
  fi
}

# A shell in a foreground sleep would hear a signal only after it.
nap() {
  sleep "$1" &
  napping=$!
  wait "$napping"
}

interrupted() {
  [ -z "$napping" ] || kill "$napping" 2>/dev/null
  pack "interrupted"
  exit 130
}

main() {
  CAPTURE='' SIGQUIT='' GDB='' PPROF='' STDOUT='' capture='' napping=''
  usage="usage: sh collect.sh [--stdout] [--capture] [--sigquit] [--gdb] [--pprof URL] PID [SECONDS]"
  while [ $# -gt 0 ]; do
    case $1 in
      --capture) CAPTURE=yes ;;
      --stdout)
        [ ! -t 1 ] || stop "--stdout needs a pipe or a file: … --stdout PID > incident.tar.gz"
        STDOUT=yes
        ;;
      --sigquit) SIGQUIT=yes ;;
      --gdb) GDB=yes ;;
      --pprof)
        case ${2:-} in http://* | https://*) PPROF=${2%/} ;; *) stop "--pprof needs a URL, such as http://localhost:6060" ;; esac
        shift
        ;;
      --database)
        database_hints
        exit 0
        ;;
      -*) stop "$usage" ;;
      *) break ;;
    esac
    shift
  done
  case ${1:-} in
    '')
      list_processes
      stop "$usage"
      ;;
    *[!0-9]*) stop "$usage" ;;
  esac
  case ${2:-10} in *[!0-9]*) stop "SECONDS is a whole number" ;; esac
  PID=$1 INTERVAL=${2:-10}
  [ -r "/proc/$PID/status" ] || stop "no process $PID here (or no /proc)"
  look_at_process
  HOST=$(uname -n | tr -c 'A-Za-z0-9.\n' '-')
  NAME=closewait-$HOST-$PID-$(date -u +%Y%m%dT%H%M%SZ)
  mkdir "$NAME" || stop "cannot write into this folder"
  OUT=$PWD/$NAME WORK=$OUT/.work MANIFEST=$OUT/manifest.txt
  mkdir "$WORK"
  trap interrupted INT TERM HUP
  say "$ROUNDS rounds, $INTERVAL s apart; each takes a few seconds of one core ($((DUMP_LIMIT + 5)) s more if the JVM gives no dump),"
  say "holds the JVM for the milliseconds of a thread dump, and writes some MB below $PWD"
  [ "$(id -u)" = 0 ] || [ "$(id -u)" = "$owner_uid" ] || say "neither root nor the process' user: most of it will be missing"
  begin_manifest
  [ -z "$CAPTURE" ] || start_capture
  for round in 1 2 3; do
    began_round=$(date +%s)
    [ -d "/proc/$PID" ] || break
    say "round $round of $ROUNDS"
    collect_round "$round"
    left=$((INTERVAL - $(date +%s) + began_round))
    if [ "$round" != "$ROUNDS" ] && [ "$left" -gt 0 ]; then nap "$left"; fi
  done
  pack "$([ -d "/proc/$PID" ] || echo "the process has ended")"
}

main "$@"
