package dev.lameduck.registries.spring;

/** The provider's record of every request, as lines that `lameduck verify` follows: see its package ledger. */
final class Ledger {
    private long lines;

    Ledger() {
        write("start", "-");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> write("sigterm", "-")));
    }

    synchronized void write(String event, String id) {
        long micros = 1000 * System.currentTimeMillis();
        System.out.println("ledger " + ++lines + " " + event + " " + id + " " + micros);
    }
}
