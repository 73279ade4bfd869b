import { Alert, Anchor, Group, List, Loader, Text } from '@mantine/core'
import { IconAlertCircle, IconCheck } from '@tabler/icons-react'
import { useDeferredValue, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useAdvice } from '../../parts/states'
import { parse } from './document'
import { PolicyForm } from './PolicyForm'
import type { ValidationState } from './validation'
import { YamlEditor, type EditorHandle } from './YamlEditor'

interface Props {
  text: string
  onText: (t: string) => void
  validation: ValidationState
  readOnly: boolean
  control?: string
  onControl: (c: string | undefined) => void
}

// PolicyEditor shows the form and the YAML of one text beside each other.
export function PolicyEditor({ text, onText, validation, readOnly, control, onControl }: Props) {
  const { t } = useTranslation()
  const editor = useRef<EditorHandle>(null)
  // The form may lag behind what is typed as YAML, never behind its own fields:
  // a field that is drawn with an older text takes back what was typed into it.
  const [typed, setTyped] = useState<string>()
  const later = useDeferredValue(text)
  const shown = text === typed ? later : text
  const change = (t: string) => {
    setTyped(t)
    onText(t)
  }
  const document = useMemo(() => parse(shown).document, [shown])
  return (
    <div className="editor-grid">
      <div>
        {document ? (
          <PolicyForm text={text} document={document} onText={onText} errors={validation.errors} readOnly={readOnly} open={control} onOpen={onControl} />
        ) : (
          <Alert color="yellow" icon={<IconAlertCircle size={18} />} title={t('policies.formOff')}>
            {t('policies.formOffText')}
          </Alert>
        )}
      </div>
      <div className="editor-side">
        <YamlEditor ref={editor} value={text} onChange={change} errors={validation.errors} label="YAML" readOnly={readOnly} />
        <Status validation={validation} goTo={(l, c) => editor.current?.goTo(l, c)} />
      </div>
    </div>
  )
}

function Status({ validation: v, goTo }: { validation: ValidationState; goTo: (line: number, column?: number) => void }) {
  const { t } = useTranslation()
  const advice = useAdvice()
  if (v.errors.length > 0) {
    return (
      <Alert color="red" mt="xs" icon={<IconAlertCircle size={18} />} title={t('policies.errors', { count: v.errors.length })} role="alert" data-testid="policy-errors">
        <List size="sm" spacing={4}>
          {v.errors.slice(0, 20).map((e, i) => (
            <List.Item key={i}>
              {e.line ? (
                <Anchor component="button" type="button" size="sm" onClick={() => goTo(e.line ?? 1, e.column)}>
                  {t('policies.line', { line: e.line })}
                </Anchor>
              ) : null}{' '}
              {e.path && <code>{e.path}</code>} <span lang="en">{e.message}</span>
            </List.Item>
          ))}
        </List>
      </Alert>
    )
  }
  return (
    <Group gap={6} mt={8} role="status" c="dimmed">
      {v.checking ? <Loader size={12} /> : v.failed ? <IconAlertCircle size={14} /> : <IconCheck size={14} />}
      <Text size="xs">{v.checking ? t('policies.checking') : v.failed ? advice(v.failed).title : t('policies.valid')}</Text>
    </Group>
  )
}
