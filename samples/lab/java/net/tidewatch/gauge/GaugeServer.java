package net.tidewatch.gauge;

import infra.EmbeddedTomcat;
import infra.Settings;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;

/** Tide gauges ask to speak a protocol of their own, and then send a line for each level they measure. */
public final class GaugeServer extends HttpServlet {
    public static void main(String[] args) throws Exception {
        EmbeddedTomcat.serve(new Settings(args), new GaugeServer());
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException, ServletException {
        response.setHeader("Upgrade", "tide-levels");
        response.setHeader("Connection", "Upgrade");
        request.upgrade(LevelHandler.class);
    }
}
