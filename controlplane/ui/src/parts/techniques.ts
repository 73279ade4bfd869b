// Names of the ATT&CK techniques that controls stand for, as MITRE has them; a
// Go test holds that every technique of the catalogue is here.
export const techniques: Record<string, string> = {
  'T1005': 'Data from Local System',
  'T1014': 'Rootkit',
  'T1046': 'Network Service Discovery',
  'T1055': 'Process Injection',
  'T1055.008': 'Process Injection: Ptrace System Calls',
  'T1059': 'Command and Scripting Interpreter',
  'T1059.004': 'Command and Scripting Interpreter: Unix Shell',
  'T1070': 'Indicator Removal',
  'T1071': 'Application Layer Protocol',
  'T1071.004': 'Application Layer Protocol: DNS',
  'T1072': 'Software Deployment Tools',
  'T1078.003': 'Valid Accounts: Local Accounts',
  'T1083': 'File and Directory Discovery',
  'T1095': 'Non-Application Layer Protocol',
  'T1105': 'Ingress Tool Transfer',
  'T1106': 'Native API',
  'T1133': 'External Remote Services',
  'T1204': 'User Execution',
  'T1204.003': 'User Execution: Malicious Image',
  'T1222.002': 'File and Directory Permissions Modification: Linux and Mac',
  'T1496': 'Resource Hijacking',
  'T1499.001': 'Endpoint Denial of Service: OS Exhaustion Flood',
  'T1548': 'Abuse Elevation Control Mechanism',
  'T1548.001': 'Abuse Elevation Control Mechanism: Setuid and Setgid',
  'T1552.005': 'Unsecured Credentials: Cloud Instance Metadata API',
  'T1562.001': 'Impair Defenses: Disable or Modify Tools',
  'T1565.001': 'Data Manipulation: Stored Data Manipulation',
  'T1571': 'Non-Standard Port',
  'T1574.006': 'Hijack Execution Flow: Dynamic Linker Hijacking',
  'T1609': 'Container Administration Command',
  'T1611': 'Escape to Host',
  'T1620': 'Reflective Code Loading',
}

// attack gives the address of a technique's description.
export function attack(technique: string): string {
  return `https://attack.mitre.org/techniques/${technique.replace('.', '/')}/`
}
