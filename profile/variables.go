package profile

import (
	"regexp"
	"strings"
)

// refusedVariables are names that spec.env must not have, because they make a program of the container run other code, or trust
// another peer: a profile may say where the store is and who the pod is, and not what its programs do. The CRD's rule on
// spec.env[].name is made of the same patterns. What a container sets itself is not looked at.
var refusedVariables = []struct {
	// names are whole names; a star stands for any characters.
	names []string
	// effect completes "it …".
	effect string
}{
	{
		// ld.so(8) of glibc 2.36, Secure-execution mode; dyld(1); openssl-env(7) of OpenSSL 3.0. TMPDIR and MALLOC_ARENA_MAX only
		// name a directory and a number, and stay.
		names: []string{
			"LD_*", "DYLD_*", "GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "LOCPATH", "NLSPATH", "MALLOC_TRACE", "NIS_PATH",
			"OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES",
		},
		effect: "makes the dynamic loader or a library load other code",
	},
	{
		// resolver(3), hostname(7).
		names:  []string{"HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "RESOLV_HOST_CONF"},
		effect: "sends names to other addresses",
	},
	{
		// bash(1) 5.2, Shell Variables: BASH_ENV, ENV, PS4 and PROMPT_COMMAND are expanded, with command substitution; zsh(1) for
		// ZDOTDIR.
		names: []string{
			"BASH_ENV", "BASH_LOADABLES_PATH", "ENV", "PS0", "PS1", "PS2", "PS4", "PROMPT_COMMAND", "SHELLOPTS", "BASHOPTS",
			"IFS", "CDPATH", "GLOBIGNORE", "ZDOTDIR", "SHELL", "PATH",
		},
		effect: "makes a shell run other commands",
	},
	{
		// python3(1), perlrun(1), ruby(1), node(1), java(1) of JDK 21, php(1), lua(1), and docs.microsoft.com on
		// DOTNET_STARTUP_HOOKS and CORECLR_PROFILER.
		names: []string{
			"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONBREAKPOINT", "PYTHONINSPECT", "PYTHONUSERBASE", "PYTHONWARNINGS",
			"PYTHONPYCACHEPREFIX", "PYTHONPLATLIBDIR", "PYTHONEXECUTABLE",
			"PERLLIB", "PERL5LIB", "PERL5OPT", "PERL5DB", "RUBYOPT", "RUBYLIB", "GEM_HOME", "GEM_PATH", "BUNDLE_*",
			"NODE_OPTIONS", "NODE_PATH",
			"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "PHPRC", "PHP_INI_SCAN_DIR",
			"LUA_INIT*", "LUA_PATH*", "LUA_CPATH*", "TCLLIBPATH", "DOTNET_STARTUP_HOOKS", "DOTNET_ADDITIONAL_DEPS",
			"CORECLR_*", "COR_*",
		},
		effect: "makes an interpreter run other code",
	},
	{
		// Each names a program or a command line: git(1), tar(1), rsync(1), less(1), ssh(1), borg(1), restic 0.18
		// (RESTIC_PASSWORD_COMMAND), rclone 1.71 (RCLONE_PASSWORD_COMMAND, RCLONE_SFTP_SSH, RCLONE_METADATA_MAPPER), pgBackRest 2.59
		// (cmd, cmd-ssh, repo-host-cmd), WAL-G 3.0 (WALG_STREAM_CREATE_COMMAND).
		names: []string{
			"*_COMMAND", "*_PASSCOMMAND", "*_ASKPASS", "*_RSH", "GIT_*", "EDITOR", "VISUAL", "PAGER", "BROWSER", "LESSOPEN",
			"LESSCLOSE", "TAR_OPTIONS", "RSYNC_CONNECT_PROG", "BORG_REMOTE_PATH", "RCLONE_*SSH", "RCLONE_*METADATA_MAPPER",
			"PGBACKREST_*CMD", "PGBACKREST_*CMD_SSH",
		},
		effect: "makes a tool run a command",
	},
	{
		// client-go v0.37 rest/config.go and tools/clientcmd/loader.go: the pod's own token goes to this address, and a kubeconfig may
		// name a program to run.
		names:  []string{"KUBERNETES_*", "KUBECONFIG"},
		effect: "sends the pod's Kubernetes token to another address",
	},
	{
		// Python's PEP 493, node's cli.md, NSS key log format, which OpenSSL-based programs and browsers write.
		names:  []string{"PYTHONHTTPSVERIFY", "NODE_TLS_REJECT_UNAUTHORIZED", "SSLKEYLOGFILE"},
		effect: "switches the protection of TLS off",
	},
}

// anyRefusedVariable matches the names in refusedVariables.
var anyRefusedVariable = regexp.MustCompile(refusedPattern())

// refusedPattern returns one expression for all names in refusedVariables.
func refusedPattern() string {
	var all []string
	for i := range refusedVariables {
		all = append(all, refusedVariables[i].names...)
	}
	return patternOf(all)
}

// patternOf returns the expression that matches the names.
func patternOf(names []string) string {
	return "^(" + strings.ReplaceAll(strings.Join(names, "|"), "*", ".*") + ")$"
}

// refusedEffect returns what a refused variable does; empty: the name is allowed.
func refusedEffect(name string) string {
	if !anyRefusedVariable.MatchString(name) {
		return ""
	}
	for i := range refusedVariables {
		if regexp.MustCompile(patternOf(refusedVariables[i].names)).MatchString(name) {
			return refusedVariables[i].effect
		}
	}
	return ""
}
