package balancer

import "time"

// row is one way to ask for a load balancer. Its values were read in the source that it names.
type row struct {
	name    string
	on      string   // kind of the object
	classes []string // of the object that ask for it
	marks   []mark   // annotations that ask for it

	byRequest  bool   // it chooses a target for each request, not for each connection
	alwaysPods bool   // its targets are pods in any case
	toPods     []mark // annotations that make them so
	learns     time.Duration

	enabled        mark // without it there is no delay
	enabledDefault time.Duration
	delay          value
	delayDefault   time.Duration

	interval        value
	intervalDefault time.Duration
	failures        value
	failuresDefault int

	source string
}

const (
	awsPrefix     = "service.beta.kubernetes.io/aws-load-balancer-"
	albPrefix     = "alb.ingress.kubernetes.io/"
	appgwPrefix   = "appgw.ingress.kubernetes.io/"
	azurePrefix   = "service.beta.kubernetes.io/azure-load-balancer-"
	alibabaPrefix = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"

	// BackendConfigKey names the BackendConfig of a Service's ports.
	BackendConfigKey = "cloud.google.com/backend-config"
	negKey           = "cloud.google.com/neg"

	second = time.Second
)

// table lists the more particular rows first: the first that matches counts.
var table = []row{
	{
		name: "AWS NLB", on: "Service",
		classes: []string{"service.k8s.aws/nlb"},
		marks: []mark{
			{awsPrefix + "type", []string{"external", "nlb-ip"}},
			{awsPrefix + "nlb-target-type", nil},
			{awsPrefix + "target-group-attributes", nil},
		},
		toPods: []mark{{awsPrefix + "nlb-target-type", []string{"ip"}}, {awsPrefix + "type", []string{"nlb-ip"}}},
		delay:  value{awsPrefix + "target-group-attributes", "deregistration_delay.timeout_seconds"}, delayDefault: 300 * second,
		interval: value{awsPrefix + "healthcheck-interval", ""}, intervalDefault: 10 * second,
		failures: value{awsPrefix + "healthcheck-unhealthy-threshold", ""}, failuresDefault: 3,
		source: "https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/",
	},
	awsALB("Service", nil), // its annotations may stand there as well
	{
		// Alibaba's ALB shares the prefix and the class of AWS's.
		name: "Alibaba ALB", on: "Ingress", byRequest: true,
		marks:      []mark{{albPrefix + "connection-drain-enabled", nil}, {albPrefix + "connection-drain-timeout", nil}},
		alwaysPods: true,
		enabled:    mark{albPrefix + "connection-drain-enabled", []string{"true"}}, enabledDefault: 300 * second,
		delay:  value{albPrefix + "connection-drain-timeout", ""},
		source: "https://www.alibabacloud.com/help/en/ack/serverless-kubernetes/user-guide/advanced-alb-ingress-configurations",
	},
	awsALB("Ingress", []string{"alb"}, mark{albPrefix + "scheme", nil}, mark{"kubernetes.io/ingress.class", []string{"alb"}}),
	{
		name: "Google NEG", on: "Service", byRequest: true,
		marks:      []mark{{negKey, []string{`"exposed_ports"`, `"ingress":true`, `"ingress": true`}}},
		alwaysPods: true,
		source:     "https://cloud.google.com/kubernetes-engine/docs/how-to/ingress-configuration#draining_timeout",
	},
	{
		name: "Google NLB", on: "Service",
		marks:           []mark{{"networking.gke.io/load-balancer-type", nil}, {"cloud.google.com/l4-rbs", nil}},
		delayDefault:    30 * second,
		intervalDefault: 8 * second, failuresDefault: 3,
		source: "https://github.com/kubernetes/ingress-gce/blob/master/pkg/healthchecksl4/healthchecksl4.go",
	},
	{
		name: "Azure LB", on: "Service",
		marks: []mark{
			{azurePrefix + "internal", nil}, {azurePrefix + "health-probe-interval", nil},
			{azurePrefix + "health-probe-num-of-probe", nil}, {azurePrefix + "health-probe-request-path", nil},
		},
		interval: value{azurePrefix + "health-probe-interval", ""}, intervalDefault: 5 * second,
		failures: value{azurePrefix + "health-probe-num-of-probe", ""}, failuresDefault: 2,
		source: "https://cloud-provider-azure.sigs.k8s.io/topics/loadbalancer/",
	},
	{
		name: "Application Gateway", on: "Ingress", byRequest: true,
		classes:    []string{"azure-application-gateway", "azure/application-gateway"},
		marks:      []mark{{"kubernetes.io/ingress.class", []string{"azure/application-gateway", "azure-application-gateway"}}},
		alwaysPods: true, learns: 90 * second, // its manual asks for that much
		enabled: mark{appgwPrefix + "connection-draining", []string{"true"}}, enabledDefault: 30 * second,
		delay:  value{appgwPrefix + "connection-draining-timeout", ""},
		source: "https://azure.github.io/application-gateway-kubernetes-ingress/how-tos/minimize-downtime-during-deployments/",
	},
	{
		name: "Alibaba CLB or NLB", on: "Service",
		marks:   []mark{{alibabaPrefix + "connection-drain", nil}, {"service.beta.kubernetes.io/backend-type", []string{"eni"}}},
		toPods:  []mark{{"service.beta.kubernetes.io/backend-type", []string{"eni"}}},
		enabled: mark{alibabaPrefix + "connection-drain", []string{"on", "true"}},
		delay:   value{alibabaPrefix + "connection-drain-timeout", ""},
		source:  "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/add-annotations-to-the-yaml-file-of-a-service-to-configure-clb-instances",
	},
	{
		name: "Tencent CLB", on: "Service",
		marks:      []mark{{"service.cloud.tencent.com/direct-access", []string{"true"}}},
		alwaysPods: true,
		source:     "https://cloud.tencent.com/document/product/457/60064",
	},
	{
		name: "Tencent CLB", on: "Ingress", byRequest: true,
		marks:      []mark{{"ingress.cloud.tencent.com/direct-access", []string{"true"}}},
		alwaysPods: true,
		source:     "https://cloud.tencent.com/document/product/457/60065",
	},
	{
		name: "AWS Classic LB", on: "Service",
		marks:    []mark{{awsPrefix + "connection-draining-enabled", nil}, {awsPrefix + "connection-draining-timeout", nil}, {awsPrefix + "healthcheck-interval", nil}},
		enabled:  mark{awsPrefix + "connection-draining-enabled", []string{"true"}},
		delay:    value{awsPrefix + "connection-draining-timeout", ""},
		interval: value{awsPrefix + "healthcheck-interval", ""}, intervalDefault: 10 * second,
		failures: value{awsPrefix + "healthcheck-unhealthy-threshold", ""}, failuresDefault: 6,
		source: "https://github.com/kubernetes/cloud-provider-aws/blob/master/docs/service_controller.md",
	},
}

// awsALB is the row of an ALB that an object of this kind asks for, by a class or by one more mark too.
func awsALB(on string, classes []string, more ...mark) row {
	return row{
		name: "AWS ALB", on: on, byRequest: true,
		classes: classes,
		marks:   append([]mark{{albPrefix + "target-type", nil}, {albPrefix + "target-group-attributes", nil}}, more...),
		toPods:  []mark{{albPrefix + "target-type", []string{"ip"}}},
		delay:   value{albPrefix + "target-group-attributes", "deregistration_delay.timeout_seconds"}, delayDefault: 300 * second,
		interval: value{albPrefix + "healthcheck-interval-seconds", ""}, intervalDefault: 15 * second,
		failures: value{albPrefix + "unhealthy-threshold-count", ""}, failuresDefault: 2,
		source: "https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/",
	}
}
