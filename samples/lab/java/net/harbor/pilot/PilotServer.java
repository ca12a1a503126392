package net.harbor.pilot;

import infra.EmbeddedTomcat;
import infra.Exchanges;
import infra.Journal;
import infra.NamedThreads;
import infra.Settings;
import com.sun.net.httpserver.HttpServer;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;

/** Pilots for ships: one application behind servers of several kinds, most of them written by hand. */
public final class PilotServer {
    private PilotServer() {
    }

    public static void main(String[] args) throws Exception {
        Settings settings = new Settings(args);
        Duty duty = Duty.of(settings.text("duty", "ready"), settings);
        int threads = settings.number("threads", 8);
        String crew = settings.text("crew", "pilot-");
        Listeners.start(settings);
        switch (settings.text("server", "pool")) {
            case "http" -> http(settings.number("port", 8080), Executors.newFixedThreadPool(threads, new NamedThreads(crew)), duty);
            case "tomcat" -> tomcat(settings, duty);
            case "each" -> new Quay(settings, duty).open(work -> new Thread(work).start());
            case "prefork" -> new Quay(settings, duty).openTogether(threads, crew);
            case "queue" -> new Quay(settings, duty).open(new OwnQueue(threads, crew));
            case "notify" -> new Quay(settings, duty).open(new OwnMonitor(threads, crew));
            case "selector" -> new Lookout(
                    settings.number("port", 8080), Executors.newFixedThreadPool(threads, new NamedThreads(crew)), duty).gaze();
            case "loop" -> new Lookout(settings.number("port", 8080), Runnable::run, duty).gaze();
            case "gate" -> new Quay(settings, duty).open(new Gate(Executors.newCachedThreadPool(new NamedThreads(crew)), threads));
            case "httpVirtual" -> http(settings.number("port", 8080), Moorings.virtual(), duty);
            case "virtual" -> new Quay(settings, duty).open(Moorings.virtual());
            case "pool" -> new Quay(settings, duty).open(Executors.newFixedThreadPool(threads, new NamedThreads(crew)));
            default -> {
                if (!Moorings.open(settings.text("server", "pool"), settings, duty)) {
                    throw new IllegalArgumentException(settings.text("server", "pool"));
                }
            }
        }
    }

    private static void http(int port, Executor crew, Duty duty) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(port), 100);
        server.setExecutor(crew);
        server.createContext("/", exchange -> {
            try (Journal serves = Exchanges.serves(exchange)) {
                Exchanges.answer(exchange, duty.answer(exchange.getRequestURI().getPath()));
            }
        });
        server.start();
    }

    private static void tomcat(Settings settings, Duty duty) throws Exception {
        EmbeddedTomcat.serve(settings, new HttpServlet() {
            @Override
            protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
                String local = request.getLocalAddr() + ":" + request.getLocalPort();
                String remote = request.getRemoteAddr() + ":" + request.getRemotePort();
                try (Journal serves = Journal.serves(local, remote)) {
                    response.getWriter().print(duty.answer(request.getRequestURI()));
                }
            }
        });
    }
}
