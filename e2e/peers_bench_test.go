//go:build linux

package e2e_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"picket.internal/internal/testneed"
)

// peer is another program that looks at a host, measured beside the sensor.
type peer struct {
	name string
	pid  int
	// collect has it do what it is for once: it only works when asked.
	collect func() error
}

// collectEvery is how often a peer is asked, which is how often the sensor
// samples.
const collectEvery = 15 * time.Second

// peers starts the programs that Debian has for the like.
func peers(b *testing.B) []peer {
	b.Helper()
	testneed.Command(b, "prometheus-node-exporter", "apt-get install prometheus-node-exporter")
	testneed.Command(b, "zabbix_agent2", "apt-get install zabbix-agent2")
	return []peer{nodeExporter(b), zabbixAgent(b)}
}

// nodeExporter collects when it is scraped.
func nodeExporter(b *testing.B) peer {
	b.Helper()
	address := freeAddress(b)
	p := start(b, "/usr/bin/prometheus-node-exporter", "--web.listen-address="+address)
	scrape := func() error {
		resp, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		n, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 16<<20))
		if err == nil && n < 1000 {
			err = fmt.Errorf("node_exporter answered with %d bytes", n)
		}
		return err
	}
	awaitCollect(b, scrape)
	return peer{"node_exporter", p.cmd.Process.Pid, scrape}
}

// zabbixItems are what a usual Linux template asks for, and what is nearest to
// what the sensor tells.
var zabbixItems = []string{
	"system.cpu.util[,user]", "system.cpu.util[,system]", "system.cpu.load[,avg1]", "vm.memory.size[available]",
	"system.swap.size[,free]", "vfs.fs.discovery", "vfs.fs.size[/,pused]", "net.if.discovery", "net.if.in[lo]",
	"vfs.dev.discovery", "proc.num[]", "proc.num[,,run]", "kernel.maxproc", "system.uptime", "system.users.num",
	"vfs.file.cksum[/etc/passwd,sha256]",
}

// zabbixAgent answers passive checks.
func zabbixAgent(b *testing.B) peer {
	b.Helper()
	address := freeAddress(b)
	_, port, _ := net.SplitHostPort(address)
	dir := b.TempDir()
	conf := filepath.Join(dir, "agent.conf")
	text := fmt.Sprintf("LogType=console\nServer=127.0.0.1\nListenIP=127.0.0.1\nListenPort=%s\nHostname=bench\nPidFile=%s/pid\nControlSocket=%s/control\nPluginSocket=%s/plugin\n",
		port, dir, dir, dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	p := start(b, "/usr/sbin/zabbix_agent2", "-f", "-c", conf)
	collect := func() error {
		for _, item := range zabbixItems {
			if err := zabbixGet(address, item); err != nil {
				return fmt.Errorf("asking zabbix_agent2 for %s: %w", item, err)
			}
		}
		return nil
	}
	awaitCollect(b, collect)
	return peer{"zabbix_agent2", p.cmd.Process.Pid, collect}
}

// zabbixGet asks for one item. Source: Zabbix manual, appendix "Zabbix agent
// protocol" and "Header": "ZBXD", flags 1, length and reserved in 4 bytes each.
func zabbixGet(address, item string) error {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	request := append([]byte("ZBXD\x01"), make([]byte, 8)...)
	binary.LittleEndian.PutUint32(request[5:], uint32(len(item)))
	if _, err := conn.Write(append(request, item...)); err != nil {
		return err
	}
	answer, err := io.ReadAll(io.LimitReader(conn, 1<<20))
	if err == nil && len(answer) <= 13 {
		err = fmt.Errorf("it answered %q", answer)
	}
	return err
}

// awaitCollect asks until there is an answer.
func awaitCollect(b *testing.B, collect func() error) {
	b.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := collect()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			b.Fatal(err)
		}
		<-tick.C
	}
}
