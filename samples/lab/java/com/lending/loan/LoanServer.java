package com.lending.loan;

import infra.EmbeddedTomcat;
import infra.Journal;
import infra.Settings;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;

/** Loans. An offer needs a score; the score service asks here for the debts the customer already has. */
public final class LoanServer extends HttpServlet {
    private static final long CHECK_MILLIS = 300;

    private final String scores;

    private LoanServer(String scores) {
        this.scores = scores;
    }

    public static void main(String[] args) throws Exception {
        Settings settings = new Settings(args);
        EmbeddedTomcat.serve(settings, new LoanServer(settings.text("scores", "")));
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        String local = request.getLocalAddr() + ":" + request.getLocalPort();
        String remote = request.getRemoteAddr() + ":" + request.getRemotePort();
        try (Journal serves = Journal.serves(local, remote)) {
            response.getWriter().println(request.getRequestURI().startsWith("/debts/") ? "0" : offer());
        }
    }

    private String offer() throws IOException {
        try {
            Thread.sleep(CHECK_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return "offer with score " + askScore("4711");
    }

    private String askScore(String customer) throws IOException {
        try (InputStream body = new URL(scores + "/score/" + customer).openStream()) {
            return new String(body.readAllBytes());
        }
    }
}
