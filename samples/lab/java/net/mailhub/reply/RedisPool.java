package net.mailhub.reply;

import java.io.IOException;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.Semaphore;

/** Lends connections to Redis; whoever finds none waits without a limit. */
final class RedisPool {
    private final ConcurrentLinkedDeque<RedisConnection> idle = new ConcurrentLinkedDeque<>();
    private final Semaphore free;

    RedisPool(String address, int size) throws IOException {
        for (int n = 0; n < size; n++) {
            idle.push(new RedisConnection(address));
        }
        free = new Semaphore(size);
    }

    String call(String... words) throws IOException {
        free.acquireUninterruptibly();
        RedisConnection connection = idle.pop();
        try {
            return connection.call(words);
        } finally {
            idle.push(connection);
            free.release();
        }
    }
}
