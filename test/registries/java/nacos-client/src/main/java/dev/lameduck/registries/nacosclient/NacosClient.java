package dev.lameduck.registries.nacosclient;

import com.alibaba.nacos.api.NacosFactory;
import com.alibaba.nacos.api.exception.NacosException;
import com.alibaba.nacos.api.naming.NamingService;
import com.alibaba.nacos.api.naming.listener.NamingEvent;
import com.alibaba.nacos.api.naming.pojo.Instance;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Properties;

/**
 * Registers and watches as an application on this version of the official client does. It takes a command a line on
 * standard input (register, deregister, subscribe, instances, exit) and answers each with a line of JSON; changes that
 * are pushed to it come between the answers, as lines with "event":"changed". Logs go to standard error.
 */
public final class NacosClient {
    private final NamingService naming;
    private final String service = System.getProperty("service");
    private final String group = System.getProperty("group", "DEFAULT_GROUP");

    private NacosClient(NamingService naming) {
        this.naming = naming;
    }

    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("serverAddr", System.getProperty("server"));
        properties.setProperty("namingLoadCacheAtStart", "false");
        for (String name : List.of("namespace", "username", "password")) {
            if (System.getProperty(name) != null) {
                properties.setProperty(name, System.getProperty(name));
            }
        }
        NacosClient client = new NacosClient(NacosFactory.createNamingService(properties));
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        for (String command = commands.readLine(); command != null && !command.equals("exit"); command = commands.readLine()) {
            try {
                client.run(command);
            } catch (Exception e) {
                say("\"event\":\"failed\",\"command\":" + quote(command) + ",\"error\":" + quote(String.valueOf(e)));
            }
        }
        client.naming.shutDown(); // takes an instance registered by gRPC out with its connection
        System.exit(0); // 1.4 leaves threads behind
    }

    private void run(String command) throws Exception {
        switch (command) {
            case "register" -> register();
            case "deregister" -> naming.deregisterInstance(service, group, instance());
            case "subscribe" -> naming.subscribe(service, group, event -> {
                if (event instanceof NamingEvent change) {
                    say("\"event\":\"changed\",\"instances\":" + json(change.getInstances()));
                }
            });
            case "instances" -> {
                String all = json(naming.getAllInstances(service, group));
                String selected = json(naming.selectInstances(service, group, true));
                say("\"event\":\"done\",\"command\":\"instances\",\"instances\":" + all + ",\"selected\":" + selected);
                return;
            }
            default -> throw new IllegalArgumentException("there is no such command");
        }
        say("\"event\":\"done\",\"command\":" + quote(command));
    }

    /** On a busy machine a server may not know the connection yet, and the client gives up within half a second. */
    private void register() throws Exception {
        final int notConnected = -401;
        for (int left = 20; ; left--) {
            try {
                naming.registerInstance(service, group, instance());
                return;
            } catch (NacosException e) {
                if (e.getErrCode() != notConnected || left == 0) {
                    throw e;
                }
                Thread.sleep(500);
            }
        }
    }

    private static Instance instance() {
        Instance instance = new Instance();
        instance.setIp(System.getProperty("ip", "127.0.0.1"));
        instance.setPort(Integer.getInteger("port"));
        instance.setClusterName(System.getProperty("cluster", "DEFAULT"));
        instance.setWeight(Double.parseDouble(System.getProperty("weight", "1")));
        instance.setEphemeral(Boolean.parseBoolean(System.getProperty("ephemeral", "true")));
        instance.setMetadata(Collections.singletonMap("zone", System.getProperty("zone", "a")));
        return instance;
    }

    private static String json(List<Instance> instances) {
        List<String> each = new ArrayList<>();
        for (Instance i : instances) {
            each.add("{\"ip\":" + quote(i.getIp()) + ",\"port\":" + i.getPort() + ",\"cluster\":" + quote(i.getClusterName())
                    + ",\"weight\":" + i.getWeight() + ",\"enabled\":" + i.isEnabled() + ",\"healthy\":" + i.isHealthy()
                    + ",\"ephemeral\":" + i.isEphemeral() + ",\"zone\":" + quote(i.getMetadata().get("zone")) + "}");
        }
        return "[" + String.join(",", each) + "]";
    }

    private static synchronized void say(String members) {
        System.out.println("{\"unixMillis\":" + System.currentTimeMillis() + "," + members + "}");
    }

    private static String quote(String text) {
        if (text == null) {
            return "null";
        }
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                quoted.append('\\');
            }
            quoted.append(c < ' ' ? ' ' : c);
        }
        return quoted.append('"').toString();
    }
}
