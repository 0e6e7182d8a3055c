package dev.lameduck.registries.dubbo;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/** A Dubbo provider, or with -Drole=consumer an HTTP server that passes each request on to a provider, without retries. */
public final class App {
    private static final String HOST = System.getProperty("host"); // null: what Dubbo finds

    private static long lines; // written so far

    private App() {}

    public static void main(String[] args) throws Exception {
        RegistryConfig registry = new RegistryConfig(System.getProperty("registry"));
        if ("consumer".equals(System.getProperty("role"))) {
            consume(registry);
        } else {
            provide(registry);
        }
        Thread.currentThread().join();
    }

    private static void provide(RegistryConfig registry) {
        String pod = System.getProperty("pod.name", System.getenv().getOrDefault("POD_NAME", "unknown"));
        long work = Long.getLong("work", 50);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> write("sigterm", "-")));
        Orders orders = id -> {
            write("received", id);
            try {
                Thread.sleep(work);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            write("applied", id);
            return "{\"id\":\"" + id + "\",\"pod\":\"" + pod + "\",\"ledger\":true}";
        };
        ServiceConfig<Orders> service = new ServiceConfig<>();
        service.setInterface(Orders.class);
        service.setRef(orders);
        ProtocolConfig protocol = new ProtocolConfig("dubbo", Integer.getInteger("port", 20880));
        protocol.setHost(HOST);
        ApplicationConfig application = new ApplicationConfig("orders");
        application.setQosPort(Integer.getInteger("qos", 22222));
        DubboBootstrap.getInstance().application(application).registry(registry).protocol(protocol).service(service).start();
    }

    /** A line of the record that `lameduck verify` follows: see its package ledger. */
    private static synchronized void write(String event, String id) {
        System.out.println("ledger " + ++lines + " " + event + " " + id + " " + 1000 * System.currentTimeMillis());
    }

    private static void consume(RegistryConfig registry) throws IOException {
        ReferenceConfig<Orders> reference = new ReferenceConfig<>();
        reference.setInterface(Orders.class);
        reference.setRetries(0);
        reference.setTimeout(Integer.getInteger("timeout", 1000));
        reference.setCheck(false);
        ApplicationConfig application = new ApplicationConfig("shop");
        application.setQosEnable(false);
        DubboBootstrap.getInstance().application(application).registry(registry).reference(reference).start();
        Orders orders = reference.get();
        HttpServer server = HttpServer.create(
                HOST == null ? new InetSocketAddress(Integer.getInteger("port", 8080)) : new InetSocketAddress(HOST, Integer.getInteger("port")), 0);
        server.setExecutor(Executors.newCachedThreadPool());
        server.createContext("/", exchange -> pass(exchange, orders));
        server.start();
    }

    private static void pass(HttpExchange exchange, Orders orders) throws IOException {
        String id = exchange.getRequestHeaders().getFirst("X-Request-Id");
        try {
            answer(exchange, 200, "application/json", orders.order(id));
        } catch (RuntimeException e) {
            System.err.println("request " + id + " was lost: " + e);
            answer(exchange, 502, "text/plain", String.valueOf(e));
        }
    }

    private static void answer(HttpExchange exchange, int status, String type, String text) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", type);
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }
}
