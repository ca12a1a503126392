package net.example.bank;

/** An account; its monitor guards the balance. */
final class Account {
    private static final long BOOKING_MILLIS = 200;

    private long balance = 1_000_000;

    synchronized long balance() {
        return balance;
    }

    /** Locks this account, then the other: two opposite transfers at the same time wait for each other for ever. */
    synchronized void transferTo(Account other, long cents) throws InterruptedException {
        Thread.sleep(BOOKING_MILLIS);
        synchronized (other) {
            other.balance += cents;
        }
        balance -= cents;
    }
}
