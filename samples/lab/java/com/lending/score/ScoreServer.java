package com.lending.score;

import infra.EmbeddedTomcat;
import infra.Journal;
import infra.Settings;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;

/** Scores. What a customer owes already is asked of the loan service. */
public final class ScoreServer extends HttpServlet {
    private final String loans;

    private ScoreServer(String loans) {
        this.loans = loans;
    }

    public static void main(String[] args) throws Exception {
        Settings settings = new Settings(args);
        EmbeddedTomcat.serve(settings, new ScoreServer(settings.text("loans", "")));
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        String local = request.getLocalAddr() + ":" + request.getLocalPort();
        String remote = request.getRemoteAddr() + ":" + request.getRemotePort();
        try (Journal serves = Journal.serves(local, remote)) {
            response.getWriter().println("97 less " + askDebts("4711"));
        }
    }

    private String askDebts(String customer) throws IOException {
        try (InputStream body = new URL(loans + "/debts/" + customer).openStream()) {
            return new String(body.readAllBytes());
        }
    }
}
