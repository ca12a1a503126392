package net.ledger.account;

import infra.Journal;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import javax.sql.DataSource;

/** Changes accounts and the register of the day. One way takes the row and then the register, the other way the register and then the row. */
public final class Settlement {
    private static final long ROUNDING_MILLIS = 600;
    private static final String ENDS =
            "select host(inet_client_addr()) || ':' || inet_client_port(), host(inet_server_addr()) || ':' || inet_server_port()";

    private final DataSource source;
    private final Object register = new Object();
    private long entries;

    public Settlement(DataSource source) {
        this.source = source;
    }

    /** One transaction: the row is changed, and the register has its entry before the commit. */
    public long settle(int account) throws SQLException, InterruptedException {
        try (Connection connection = source.getConnection(); Journal holds = ends(connection)) {
            connection.setAutoCommit(false);
            change(connection, account, -1);
            Thread.sleep(ROUNDING_MILLIS);
            enter();
            connection.commit();
            return entries;
        }
    }

    /** The register is closed to others while the row is changed. */
    public long book(int account) throws SQLException {
        synchronized (register) {
            try (Connection connection = source.getConnection()) {
                change(connection, account, 1);
            }
            return entries;
        }
    }

    private void enter() {
        synchronized (register) {
            entries++;
        }
    }

    private static void change(Connection connection, int account, int amount) throws SQLException {
        try (PreparedStatement update = connection.prepareStatement("update account set balance = balance + ? where id = ?")) {
            update.setInt(1, amount);
            update.setInt(2, account);
            update.executeUpdate();
        }
    }

    private static Journal ends(Connection connection) throws SQLException {
        try (Statement query = connection.createStatement(); ResultSet row = query.executeQuery(ENDS)) {
            row.next();
            return Journal.holds(row.getString(1), row.getString(2));
        }
    }
}
