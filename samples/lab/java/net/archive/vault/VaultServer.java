package net.archive.vault;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Journal;
import infra.Settings;
import java.io.IOException;
import java.net.InetSocketAddress;

/** Documents from a store. Nobody closes a document: that is left to its finalizer. */
public final class VaultServer {
    private final InetSocketAddress store;

    private VaultServer(InetSocketAddress store) {
        this.store = store;
    }

    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        InetSocketAddress store = new InetSocketAddress(settings.text("host", "127.0.0.1"), settings.number("store", 7600));
        VaultServer vault = new VaultServer(store);
        HttpServer server = Exchanges.server(settings.number("port", 8740), settings.number("threads", 10), "vault-http-");
        server.createContext("/document/", vault::fetch);
        server.start();
    }

    private void fetch(HttpExchange exchange) throws IOException {
        try (Journal serves = Exchanges.serves(exchange)) {
            Exchanges.answer(exchange, new Document(store).title());
        }
    }
}
