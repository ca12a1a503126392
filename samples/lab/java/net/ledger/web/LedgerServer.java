package net.ledger.web;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import infra.EmbeddedTomcat;
import infra.Journal;
import infra.Settings;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.sql.SQLException;
import net.ledger.account.AccountDao;
import net.ledger.account.Settlement;

/** Accounts over HTTP, from PostgreSQL or MariaDB through HikariCP. */
public final class LedgerServer extends HttpServlet {
    private final transient AccountDao accounts;
    private final transient Settlement settlement;

    private LedgerServer(HikariDataSource source) {
        accounts = new AccountDao(source);
        settlement = new Settlement(source);
    }

    public static void main(String[] args) throws Exception {
        Settings settings = new Settings(args);
        HikariConfig config = new HikariConfig();
        config.setPoolName("ledger-db");
        config.setJdbcUrl(settings.text("jdbc", "jdbc:postgresql://" + settings.text("database", "127.0.0.1:5432") + "/postgres"));
        config.setUsername("ledger");
        config.setMaximumPoolSize(settings.number("pool", 10));
        // 0 means: wait for ever.
        config.setConnectionTimeout(settings.number("connectionTimeout", 0));
        EmbeddedTomcat.serve(settings, new LedgerServer(new HikariDataSource(config)));
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws ServletException, IOException {
        String local = request.getLocalAddr() + ":" + request.getLocalPort();
        String remote = request.getRemoteAddr() + ":" + request.getRemotePort();
        try (Journal serves = Journal.serves(local, remote)) {
            switch (request.getRequestURI()) {
                case "/transfer" -> response.getWriter().println(accounts.lockBalance(1));
                case "/audit" -> response.getWriter().println(accounts.audit(1));
                case "/export" -> accounts.export();
                case "/settle/1", "/settle/2" -> response.getWriter().println(settlement.settle(number(request)));
                case "/book/1", "/book/2" -> response.getWriter().println(settlement.book(number(request)));
                default -> response.getWriter().println(accounts.balance(1));
            }
        } catch (SQLException | InterruptedException e) {
            throw new ServletException(e);
        }
    }

    private static int number(HttpServletRequest request) {
        String path = request.getRequestURI();
        return Integer.parseInt(path.substring(path.lastIndexOf('/') + 1));
    }
}
