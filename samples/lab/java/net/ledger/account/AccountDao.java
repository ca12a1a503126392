package net.ledger.account;

import infra.Journal;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import javax.sql.DataSource;

/** Account rows in PostgreSQL; no statement has a time limit. */
public final class AccountDao {
    private final DataSource source;

    public AccountDao(DataSource source) {
        this.source = source;
    }

    /** Waits for the row, if another transaction holds it. */
    public long lockBalance(int account) throws SQLException {
        try (Connection connection = source.getConnection();
                PreparedStatement query = connection.prepareStatement("select balance from account where id = ? for update")) {
            query.setInt(1, account);
            try (ResultSet row = query.executeQuery()) {
                return row.next() ? row.getLong(1) : 0;
            }
        }
    }

    /** An export that fails half-way and does not give its connection back. */
    @SuppressWarnings("resource")
    public void export() throws SQLException {
        Connection connection = source.getConnection();
        Statement query = connection.createStatement();
        ResultSet row = query.executeQuery("select host(inet_client_addr()), inet_client_port(), host(inet_server_addr()), inet_server_port()");
        row.next();
        Journal.holds(row.getString(1) + ":" + row.getInt(2), row.getString(3) + ":" + row.getInt(4));
        throw new SQLException("the export folder is full");
    }

    /** An audit line in a transaction of its own: the caller already has a connection, and wants a second one. */
    public long audit(int account) throws SQLException, InterruptedException {
        try (Connection outer = source.getConnection()) {
            Thread.sleep(200);
            return outer.isReadOnly() ? 0 : balance(account);
        }
    }

    /** A quick read. */
    public long balance(int account) throws SQLException {
        try (Connection connection = source.getConnection();
                PreparedStatement query = connection.prepareStatement("select balance from account where id = ?")) {
            query.setInt(1, account);
            try (ResultSet row = query.executeQuery()) {
                return row.next() ? row.getLong(1) : 0;
            }
        }
    }
}
