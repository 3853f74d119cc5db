// Files that are pasted into the page, or dropped on it.

export function takeFiles(open: (file: File) => void): void {
  const take = (files: FileList | undefined) => files?.[0] && open(files[0]);
  document.addEventListener("paste", (event) => take(event.clipboardData?.files));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dragging"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    take(event.dataTransfer?.files);
  });
}
