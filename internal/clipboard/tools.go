package clipboard

// A tool is a way to the clipboard of a desktop.
type tool struct {
	os      string // the system that has it, or empty: one with displays
	display string // the variable that names the display
	install string // what is missing where the tool is

	copy, paste, clear []string
	sensitive          string // the option of copy that keeps histories of the clipboard from it, in versions that have it
}

// tools are tried from the top.
var tools = []tool{
	{
		display: "WAYLAND_DISPLAY", install: "install wl-clipboard, which has wl-copy and wl-paste",
		copy: []string{"wl-copy", "--type", "text/plain"}, paste: []string{"wl-paste", "--no-newline"}, clear: []string{"wl-copy", "--clear"},
		sensitive: "--sensitive",
	},
	{
		display: "DISPLAY", install: "install xclip or xsel",
		copy:  []string{"xclip", "-selection", "clipboard", "-in"},
		paste: []string{"xclip", "-selection", "clipboard", "-out"},
		clear: []string{"xclip", "-selection", "clipboard", "-in"},
	},
	{
		display: "DISPLAY", install: "install xclip or xsel",
		copy:  []string{"xsel", "--clipboard", "--input"},
		paste: []string{"xsel", "--clipboard", "--output"},
		clear: []string{"xsel", "--clipboard", "--clear"},
	},
	{
		os: "darwin", install: "pbcopy and pbpaste are not in the PATH",
		copy: []string{"pbcopy"}, paste: []string{"pbpaste"}, clear: []string{"pbcopy"},
	},
	{
		os: "windows", install: "powershell.exe is not in the PATH",
		copy:  powershell("[Console]::InputEncoding = [Text.UTF8Encoding]::new($false); Set-Clipboard -Value ([Console]::In.ReadToEnd())"),
		paste: powershell("[Console]::OutputEncoding = [Text.UTF8Encoding]::new($false); [Console]::Out.Write((Get-Clipboard -Raw))"),
		clear: powershell("Add-Type -AssemblyName System.Windows.Forms; [Windows.Forms.Clipboard]::Clear()"),
	},
}

func powershell(command string) []string {
	return []string{"powershell.exe", "-NoProfile", "-NonInteractive", "-Sta", "-Command", command}
}
