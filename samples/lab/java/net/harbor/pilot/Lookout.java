package net.harbor.pilot;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executor;

/** A selector loop written by hand: it accepts and reads, others answer. */
final class Lookout {
    private final Selector horizon;
    private final Executor crew;
    private final Duty duty;

    Lookout(int port, Executor crew, Duty duty) throws IOException {
        this.horizon = Selector.open();
        this.crew = crew;
        this.duty = duty;
        ServerSocketChannel listener = ServerSocketChannel.open().bind(new InetSocketAddress(port), 100);
        listener.configureBlocking(false);
        listener.register(horizon, SelectionKey.OP_ACCEPT);
    }

    /** Looks for ever. */
    void gaze() throws IOException {
        while (true) {
            horizon.select();
            for (SelectionKey key : horizon.selectedKeys()) {
                if (key.isAcceptable()) {
                    SocketChannel ship = ((ServerSocketChannel) key.channel()).accept();
                    ship.configureBlocking(false);
                    ship.register(horizon, SelectionKey.OP_READ);
                } else if (key.isReadable()) {
                    meet(key);
                }
            }
            horizon.selectedKeys().clear();
        }
    }

    private void meet(SelectionKey key) throws IOException {
        SocketChannel ship = (SocketChannel) key.channel();
        ByteBuffer text = ByteBuffer.allocate(4096);
        if (ship.read(text) < 0) {
            ship.close();
            return;
        }
        key.interestOps(0);
        String path = new String(text.array(), 0, text.position(), StandardCharsets.UTF_8).split(" ")[1];
        crew.execute(() -> greet(key, ship, path));
    }

    private void greet(SelectionKey key, SocketChannel ship, String path) {
        try {
            String body = duty.answer(path);
            ship.write(ByteBuffer.wrap(("HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body).getBytes(StandardCharsets.UTF_8)));
            key.interestOps(SelectionKey.OP_READ);
            horizon.wakeup();
        } catch (IOException e) {
            System.err.println(e);
        }
    }
}
