package net.example.search;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Journal;
import infra.NamedThreads;
import infra.Settings;
import java.io.IOException;
import java.net.http.HttpClient;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A search server that asks for facets at an address that may be its own. */
public final class SearchNode {
    private static final long RANKING_MILLIS = 300;

    private final FacetLoader facets;

    private SearchNode(FacetLoader facets) {
        this.facets = facets;
    }

    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        int port = settings.number("port", 7700);
        int threads = settings.number("threads", 12);
        ExecutorService fanout = Executors.newFixedThreadPool(threads, new NamedThreads("search-fanout-"));
        String service = settings.text("facets", "http://127.0.0.1:" + port);
        SearchNode node = new SearchNode(new FacetLoader(HttpClient.newHttpClient(), fanout, service));
        HttpServer server = Exchanges.server(port, threads, "web-worker-");
        server.createContext("/facets/", exchange -> Exchanges.answer(exchange, "colour,size"));
        server.createContext("/search/", node::search);
        server.start();
    }

    private void search(HttpExchange exchange) throws IOException {
        try (Journal serves = Exchanges.serves(exchange)) {
            Thread.sleep(RANKING_MILLIS);
            Exchanges.answer(exchange, facets.load("shoes"));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
