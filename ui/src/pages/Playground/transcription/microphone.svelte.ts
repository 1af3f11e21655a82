/** Records from the microphone: owns the recording that is under way. */

export class Microphone {
  recording = $state(false);
  #recorder: MediaRecorder | undefined;

  /** Browsers have one over https, and on this machine. */
  get there(): boolean {
    return 'mediaDevices' in navigator && 'MediaRecorder' in window;
  }

  /** Records until `stop`; resolves to the recording. */
  async record(): Promise<File> {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const recorder = new MediaRecorder(stream);
    const pieces: Blob[] = [];
    this.#recorder = recorder;
    this.recording = true;
    try {
      return await new Promise<File>((resolve, reject) => {
        recorder.ondataavailable = ({ data }) => pieces.push(data);
        recorder.onerror = () => reject(new Error('The microphone could not be recorded'));
        recorder.onstop = () => {
          const ending = recorder.mimeType.includes('mp4') ? 'm4a' : 'webm';
          resolve(new File(pieces, `recording.${ending}`, { type: recorder.mimeType }));
        };
        recorder.start();
      });
    } finally {
      this.recording = false;
      for (const track of stream.getTracks()) track.stop();
    }
  }

  stop(): void {
    this.#recorder?.stop();
  }
}
