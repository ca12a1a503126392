package com.shopfront.web;

import com.shopfront.catalog.PriceClient;
import infra.EmbeddedTomcat;
import infra.Journal;
import infra.Settings;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A shop's pages. A product page needs prices; the price service may be this very server, and for linked pages it is. */
public final class StoreFront extends HttpServlet {
    private static final long TEMPLATE_MILLIS = 300;

    private final transient PriceClient prices;
    private final transient PriceClient linked;

    private StoreFront(PriceClient prices, PriceClient linked) {
        this.prices = prices;
        this.linked = linked;
    }

    public static void main(String[] args) throws Exception {
        Settings settings = new Settings(args);
        ExecutorService pool = Executors.newCachedThreadPool();
        String own = "http://127.0.0.1:" + settings.text("port", "8080");
        PriceClient prices = new PriceClient(pool, settings.text("prices", own));
        EmbeddedTomcat.serve(settings, new StoreFront(prices, new PriceClient(pool, own)));
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws ServletException, IOException {
        String local = request.getLocalAddr() + ":" + request.getLocalPort();
        String remote = request.getRemoteAddr() + ":" + request.getRemotePort();
        try (Journal serves = Journal.serves(local, remote)) {
            if (request.getRequestURI().startsWith("/price/")) {
                response.getWriter().println("19.90");
            } else {
                PriceClient client = request.getRequestURI().startsWith("/linked/") ? linked : prices;
                response.getWriter().println(productPage(client, request.getRequestURI()));
            }
        }
    }

    private String productPage(PriceClient client, String article) throws ServletException {
        try {
            // The template takes its time, so a burst has all workers here before the first of them asks for a price.
            Thread.sleep(TEMPLATE_MILLIS);
            return client.quoteAll(List.of(article.replace("/", "")));
        } catch (InterruptedException | ExecutionException e) {
            throw new ServletException(e);
        }
    }
}
