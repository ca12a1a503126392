package infra;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

/** What every program on the JDK's HTTP server does alike. */
public final class Exchanges {
    private Exchanges() {
    }

    /** A server that is not yet started, with a fixed pool of named workers. */
    public static HttpServer server(int port, int threads, String prefix) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(port), 100);
        server.setExecutor(Executors.newFixedThreadPool(threads, new NamedThreads(prefix)));
        return server;
    }

    public static Journal serves(HttpExchange exchange) {
        return Journal.serves(text(exchange.getLocalAddress()), text(exchange.getRemoteAddress()));
    }

    public static void answer(HttpExchange exchange, String body) throws IOException {
        byte[] bytes = body.getBytes();
        exchange.sendResponseHeaders(200, bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }

    private static String text(InetSocketAddress address) {
        return address.getAddress().getHostAddress() + ":" + address.getPort();
    }
}
