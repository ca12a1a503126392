package com.shopfront.catalog;

import infra.Journal;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;

/** Asks the price service over HTTP, all articles of a page at once, and waits for all answers without a limit. */
public final class PriceClient {
    private final ExecutorService pool;
    private final String service;

    public PriceClient(ExecutorService pool, String service) {
        this.pool = pool;
        this.service = service;
    }

    public String quoteAll(List<String> articles) throws InterruptedException, ExecutionException {
        List<Callable<String>> calls = new ArrayList<>();
        List<Journal> waits = new ArrayList<>();
        for (String article : articles) {
            String task = Journal.task();
            waits.add(Journal.waits(task, "pool-1-thread-"));
            calls.add(() -> {
                try (Journal run = Journal.runs(task)) {
                    return quote(article);
                }
            });
        }
        StringBuilder prices = new StringBuilder();
        for (Future<String> price : pool.invokeAll(calls)) {
            prices.append(price.get());
        }
        waits.forEach(Journal::close);
        return prices.toString();
    }

    private String quote(String article) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) new URL(service + "/price/" + article).openConnection();
        try (InputStream body = connection.getInputStream()) {
            return new String(body.readAllBytes());
        }
    }
}
