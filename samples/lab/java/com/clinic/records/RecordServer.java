package com.clinic.records;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import infra.Exchanges;
import infra.Journal;
import infra.Settings;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.concurrent.atomic.AtomicInteger;

/** Patients' records. Every look into one is noted on a volume of its own, in a file for each thread. */
public final class RecordServer {
    private static final AtomicInteger COUNT = new AtomicInteger();

    private final ThreadLocal<OutputStream> notes;

    private RecordServer(String folder) {
        notes = ThreadLocal.withInitial(() -> open(folder + "/access-" + COUNT.incrementAndGet() + ".log"));
    }

    public static void main(String[] args) throws IOException {
        Settings settings = new Settings(args);
        RecordServer records = new RecordServer(settings.text("notes", "."));
        HttpServer server = Exchanges.server(settings.number("port", 8760), settings.number("threads", 12), "records-http-");
        server.createContext("/record/", records::show);
        server.start();
    }

    private static OutputStream open(String file) {
        try {
            return new FileOutputStream(file, true);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private void show(HttpExchange exchange) throws IOException {
        try (Journal serves = Exchanges.serves(exchange)) {
            noteAccess(exchange.getRequestURI().getPath());
            Exchanges.answer(exchange, "blood group 0");
        }
    }

    private void noteAccess(String path) throws IOException {
        notes.get().write((path + "\n").getBytes());
    }
}
