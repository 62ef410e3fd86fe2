package rabbitmqtest

// Ports lists all ports of the broker's programs.
func (b *Broker) Ports() []string { return []string{b.port, b.distributionPort, b.epmdPort} }
