package infra;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The program's own record of who holds which socket and who waits for whom.
 *
 * <p>The file is opened for each line and closed again, so that no capture of this process shows it. Without LAB_JOURNAL
 * in the environment nothing is written. An entry ends when it is closed; what is open at the capture is the truth.
 */
public final class Journal implements AutoCloseable {
    private static final String FILE = System.getenv("LAB_JOURNAL");
    private static final AtomicInteger COUNT = new AtomicInteger();

    private final String key;

    private Journal(String kind, String... fields) {
        key = Integer.toString(COUNT.incrementAndGet());
        write("begin\t" + key + "\t" + kind + "\t" + thread() + "\t" + String.join("\t", fields));
    }

    /** This thread answers the request that came on the socket local, remote. */
    public static Journal serves(String local, String remote) {
        return new Journal("serves", local, remote);
    }

    /** This thread uses the outgoing socket local, remote, or has lent it and not given it back. */
    public static Journal holds(String local, String remote) {
        return new Journal("holds", local, remote);
    }

    /** This thread waits for the result of a task given to a pool. */
    public static Journal waits(String task, String pool) {
        return new Journal("waits", task, pool);
    }

    /** This thread runs a task. */
    public static Journal runs(String task) {
        return new Journal("runs", task);
    }

    /** A name for a task that no other task of this process has. */
    public static String task() {
        return "task-" + COUNT.incrementAndGet();
    }

    @Override
    public void close() {
        write("end\t" + key);
    }

    /** Name and native id; a virtual thread without a name is its number in a dump, and has no native id of its own. */
    private static String thread() {
        Thread current = Thread.currentThread();
        if (current.getThreadGroup().getName().equals("VirtualThreads")) {
            return (current.getName().isEmpty() ? "#" + current.getId() : current.getName()) + "\t";
        }
        return current.getName() + "\t" + nativeId();
    }

    /** /proc/thread-self is a link to PID/task/TID: the only way to the native id without native code. */
    private static String nativeId() {
        try {
            return Files.readSymbolicLink(Path.of("/proc/thread-self")).getFileName().toString();
        } catch (IOException e) {
            return "";
        }
    }

    private static void write(String line) {
        if (FILE == null) {
            return;
        }
        try {
            Files.writeString(Path.of(FILE), line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            // A process without free descriptors cannot write its journal: that incident's truth comes from the kernel alone.
        }
    }
}
