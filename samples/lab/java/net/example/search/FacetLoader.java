package net.example.search;

import infra.Journal;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/** Loads the facets of a search from the facet service, in a pool, and joins without a limit. */
final class FacetLoader {
    private final HttpClient client;
    private final Executor fanout;
    private final String service;

    FacetLoader(HttpClient client, Executor fanout, String service) {
        this.client = client;
        this.fanout = fanout;
        this.service = service;
    }

    String load(String query) {
        String task = Journal.task();
        try (Journal waits = Journal.waits(task, "search-fanout-")) {
            return CompletableFuture.supplyAsync(() -> fetch(task, query), fanout).join();
        }
    }

    private String fetch(String task, String query) {
        try (Journal runs = Journal.runs(task)) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(service + "/facets/" + query)).build();
            return client.send(request, BodyHandlers.ofString()).body();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "";
        }
    }
}
