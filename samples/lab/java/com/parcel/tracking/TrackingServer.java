package com.parcel.tracking;

import infra.EmbeddedTomcat;
import infra.Journal;
import infra.Settings;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;

/** Where is my parcel. */
public final class TrackingServer extends HttpServlet {
    private final transient RouteCache cache;

    private TrackingServer(RouteCache cache) {
        this.cache = cache;
    }

    public static void main(String[] args) throws Exception {
        Settings settings = new Settings(args);
        EmbeddedTomcat.serve(settings, new TrackingServer(new RouteCache(settings.text("planner", ""))));
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        String local = request.getLocalAddr() + ":" + request.getLocalPort();
        String remote = request.getRemoteAddr() + ":" + request.getRemotePort();
        try (Journal serves = Journal.serves(local, remote)) {
            response.getWriter().println(cache.routes());
        }
    }
}
