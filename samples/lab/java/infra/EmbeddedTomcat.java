package infra;

import jakarta.servlet.http.HttpServlet;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;

/** Tomcat in the process, with one servlet for every path. */
public final class EmbeddedTomcat {
    private EmbeddedTomcat() {
    }

    /** Serves until the process ends. Most settings go to the connector under Tomcat's own names. */
    public static void serve(Settings settings, HttpServlet servlet) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir("work");
        Connector connector = new Connector("org.apache.coyote.http11.Http11NioProtocol");
        connector.setPort(settings.number("port", 8080));
        connector.setProperty("maxThreads", settings.text("threads", "200"));
        connector.setProperty("maxConnections", settings.text("maxConnections", "8192"));
        connector.setProperty("acceptCount", settings.text("acceptCount", "100"));
        connector.setProperty("maxKeepAliveRequests", settings.text("maxKeepAliveRequests", "100"));
        connector.setProperty("socket.soKeepAlive", settings.text("keepAlive", "false"));
        tomcat.setConnector(connector);
        Context context = tomcat.addContext("", null);
        Tomcat.addServlet(context, "application", servlet).setAsyncSupported(true);
        context.addServletMappingDecoded("/", "application");
        tomcat.start();
        tomcat.getServer().await();
    }
}
