package net.tidewatch.gauge;

import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.http.HttpUpgradeHandler;
import jakarta.servlet.http.WebConnection;
import java.io.IOException;
import java.util.concurrent.atomic.LongAdder;

/** Reads levels as they come. At the end of the input it only counts: the connection, which is its own since the upgrade, stays open. */
public final class LevelHandler implements HttpUpgradeHandler, ReadListener {
    private static final LongAdder OCTETS = new LongAdder();
    private static final LongAdder LEFT = new LongAdder();

    private final byte[] buffer = new byte[256];
    private ServletInputStream levels;

    @Override
    public void init(WebConnection connection) {
        try {
            levels = connection.getInputStream();
            levels.setReadListener(this);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void onDataAvailable() throws IOException {
        while (levels.isReady()) {
            int count = levels.read(buffer);
            if (count < 0) {
                return;
            }
            OCTETS.add(count);
        }
    }

    @Override
    public void onAllDataRead() {
        LEFT.increment();
    }

    @Override
    public void onError(Throwable problem) {
        LEFT.increment();
    }

    @Override
    public void destroy() {
        levels = null;
    }
}
