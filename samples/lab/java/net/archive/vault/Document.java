package net.archive.vault;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;

/** A document of the store, on a connection of its own; the store is told when it is given back. */
public final class Document {
    private final Socket socket;
    private final BufferedReader in;

    public Document(InetSocketAddress store) throws IOException {
        socket = new Socket(store.getAddress(), store.getPort());
        in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
        send("OPEN");
    }

    /** The body of the answer; its lines are read to the end. */
    public String title() throws IOException {
        while (!in.readLine().isEmpty()) {
            continue;
        }
        return in.readLine();
    }

    /** Waits for the store to confirm that it has the document back, and for ever if it does not. */
    @Override
    @SuppressWarnings({"deprecation", "removal"})
    protected void finalize() throws IOException {
        send("RELEASE");
        in.readLine();
        socket.close();
    }

    private void send(String word) throws IOException {
        socket.getOutputStream().write((word + " / VAULT\r\n\r\n").getBytes());
    }
}
