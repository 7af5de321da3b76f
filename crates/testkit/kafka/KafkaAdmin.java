import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** What tests do to a broker that Kafka's clients for other languages cannot. Run from its source. */
class KafkaAdmin {
    public static void main(String[] arguments) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", arguments[0]))) {
            String topic = arguments.length > 2 ? arguments[2] : "";
            switch (arguments[1]) {
                // TOPIC PARTITIONS [NAME=VALUE]…
                case "create" -> {
                    Map<String, String> settings = new HashMap<>();
                    for (int i = 4; i < arguments.length; i++) {
                        String[] pair = arguments[i].split("=", 2);
                        settings.put(pair[0], pair[1]);
                    }
                    admin.createTopics(List.of(new NewTopic(topic, Integer.parseInt(arguments[3]), (short) 1).configs(settings))).all().get();
                }
                case "delete" -> admin.deleteTopics(List.of(topic)).all().get();
                // TOPIC PARTITIONS BROKER: one partition more, on that broker
                case "grow" -> {
                    List<List<Integer>> on = List.of(List.of(Integer.parseInt(arguments[4])));
                    admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(Integer.parseInt(arguments[3]), on))).all().get();
                }
                // Everything stays allowed but to create topics; for a broker with an authorizer.
                case "forbid-creation" -> {
                    List<AclBinding> rules = new ArrayList<>();
                    for (ResourcePattern pattern : List.of(
                            new ResourcePattern(ResourceType.CLUSTER, "kafka-cluster", PatternType.LITERAL),
                            new ResourcePattern(ResourceType.TOPIC, "*", PatternType.LITERAL))) {
                        rules.add(rule(pattern, AclOperation.ALL, AclPermissionType.ALLOW));
                        rules.add(rule(pattern, AclOperation.CREATE, AclPermissionType.DENY));
                    }
                    admin.createAcls(rules).all().get();
                }
                // TOPIC: nobody may write it
                case "forbid-writing" -> {
                    ResourcePattern pattern = new ResourcePattern(ResourceType.TOPIC, topic, PatternType.LITERAL);
                    admin.createAcls(List.of(
                            rule(pattern, AclOperation.ALL, AclPermissionType.ALLOW),
                            rule(pattern, AclOperation.WRITE, AclPermissionType.DENY))).all().get();
                }
                default -> throw new IllegalArgumentException(arguments[1]);
            }
        }
    }

    private static AclBinding rule(ResourcePattern pattern, AclOperation operation, AclPermissionType permission) {
        return new AclBinding(pattern, new AccessControlEntry("User:ANONYMOUS", "*", operation, permission));
    }
}
