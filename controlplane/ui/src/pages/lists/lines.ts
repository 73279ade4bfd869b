import type { FieldProblem } from '../../api/types'

// lineProblems gives what is wrong with a list by line, in the order of the
// lines; 0 stands for the list as a whole.
export function lineProblems(errors: FieldProblem[]): { line: number; message: string }[] {
  return errors
    .filter((e) => e.location === 'content')
    .map((e) => {
      const line = (e.value as { line?: number } | undefined)?.line
      return { line: typeof line === 'number' ? line : 0, message: e.message }
    })
    .sort((a, b) => a.line - b.line)
}
